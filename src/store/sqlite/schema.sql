-- Dates are seconds since 1970-01-01 UTC: datetime(used_at, 'unixepoch') shows them.

CREATE TABLE sessions (
    id INTEGER NOT NULL PRIMARY KEY,
    -- Of the token that proves the session; the token itself is nowhere in here.
    token_sha256 BLOB NOT NULL UNIQUE,
    -- Empty where nobody told it.
    uid TEXT NOT NULL,
    uid_is_number INTEGER NOT NULL,
    name TEXT NOT NULL,
    avatar TEXT NOT NULL,
    points INTEGER NOT NULL,
    -- Wins in a row.
    streak INTEGER NOT NULL,
    -- Who writes the streak, and the number of the last order that was applied for it.
    owner INTEGER NOT NULL,
    owner_seq INTEGER NOT NULL,
    made_at INTEGER NOT NULL,
    -- To the hour.
    used_at INTEGER NOT NULL
) STRICT;
CREATE INDEX sessions_by_use ON sessions (used_at);
CREATE INDEX sessions_by_uid ON sessions (uid);

-- Who had a session before, for a day, so that no order is applied twice.
CREATE TABLE former_owners (
    id INTEGER NOT NULL PRIMARY KEY,
    session INTEGER NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    owner INTEGER NOT NULL,
    last_seq INTEGER NOT NULL,
    at INTEGER NOT NULL
) STRICT;
CREATE INDEX former_owners_by_session ON former_owners (session);
CREATE INDEX former_owners_by_time ON former_owners (at);

-- Players whom their own house vouches for: its name for them, never shown to anybody.
CREATE TABLE persons (
    person TEXT NOT NULL PRIMARY KEY,
    session INTEGER UNIQUE REFERENCES sessions (id) ON DELETE SET NULL,
    -- 1: not to be shown on the board.
    is_barred INTEGER NOT NULL,
    made_at INTEGER NOT NULL,
    seen_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Points from rounds between two persons. Weeks are counted from Monday 1970-01-05 as 1; 0: ever.
-- Of who is barred they stand under -1 - week, where no board looks.
CREATE TABLE ranked_points (
    week INTEGER NOT NULL,
    person TEXT NOT NULL REFERENCES persons (person) ON DELETE CASCADE,
    points INTEGER NOT NULL,
    -- When it came to so many: who was first stands first.
    reached_at INTEGER NOT NULL,
    PRIMARY KEY (week, person)
) STRICT, WITHOUT ROWID;
CREATE INDEX ranked_points_best ON ranked_points (week, points DESC, reached_at);
CREATE INDEX ranked_points_by_person ON ranked_points (person);

-- How many persons who are not barred have exactly so many points, to tell a place without counting
-- them all.
CREATE TABLE weeks (
    week INTEGER NOT NULL,
    points INTEGER NOT NULL,
    persons INTEGER NOT NULL,
    PRIMARY KEY (week, points)
) STRICT, WITHOUT ROWID;

-- Codes of private rooms, for ten minutes after the last event.
CREATE TABLE rooms (
    code TEXT NOT NULL PRIMARY KEY,
    touched_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX rooms_by_time ON rooms (touched_at);

-- What was erased, for 31 days: of a session its token's hash, of a person that of its name.
CREATE TABLE tombstones (
    sha256 BLOB NOT NULL PRIMARY KEY,
    erased_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX tombstones_by_time ON tombstones (erased_at);

-- Which server opened this file last, and when.
CREATE TABLE server (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    version TEXT NOT NULL,
    opened_at INTEGER NOT NULL
) STRICT;
