"""Runs inside a freshly booted Debian: the README's deployment, and the service on a real systemd.

Every check writes a line to /result; the last line is `passed` only if all of them held. Then the
machine is switched off. No check waits for a time: each waits for an answer or for systemd's word.
"""

import os
import shutil
import subprocess
import sys
import time
import traceback

import deploy
from machine import (
    ADMIN, GAME, ask, come, connect, frame, let_in, result, run, say, say_event, say_hello, show, until,
    until_event, until_other_main,
)


def check_sockets():
    for address in (GAME, "/run/roshambo/roshambo.sock"):
        let_in(come(address)).close()
    assert "\nroshambo_draining 0\n" in ask("/metrics")
    status = show("StatusText")
    assert status.startswith("serving "), status
    say(f"status: {status}")


def check_user():
    """It is nobody in particular, and its state directory is its own."""
    pid = show("MainPID")
    assert os.stat(f"/proc/{pid}").st_uid not in (0, 65534)
    state = os.stat("/var/lib/private/roshambo")
    assert state.st_uid == os.stat(f"/proc/{pid}").st_uid and state.st_mode & 0o777 == 0o700
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        lines = dict(line.rstrip("\n").split(":\t") for line in file if ":\t" in line)
    assert lines["CapBnd"] == "0" * 16 and lines["NoNewPrivs"] == "1" and lines["Seccomp"] == "2"
    own = os.readlink(f"/proc/{pid}/ns/net")
    assert own != os.readlink("/proc/1/ns/net"), "it has the host's network"
    say(f"user {state.st_uid}, no capabilities, network namespace of its own")


def meet(address=GAME):
    """Two who play a round in which the first one wins: both sockets, and the winner's token."""
    player, other = let_in(come(address)), let_in(come(address))
    token = say_hello(player, "Ann")["session"]
    say_hello(other, "Bob")
    # A room of their own: robots wait for nobody here.
    say_event(player, '["join",{"room":"new"}]')
    say_event(other, '["join",{"room":"%s"}]' % until_event(player, "room")["code"])
    until_event(player, "start")
    # Bob shows nothing, so Ann wins.
    say_event(player, '["choice",{"choice":2}]')
    return player, other, token


def come_back(token):
    """What Ann is told who comes with her token."""
    sock = let_in(come())
    hi = say_hello(sock, "Ann", token)
    sock.close()
    return hi["resumed"], hi["totalScore"]


def check_store():
    """Root lays another file in the place of the scores', as a restore by mistake does, and takes it away."""
    place = "/var/lib/private/roshambo/roshambo.db"
    os.rename(place, f"{place}.aside")
    shutil.copy2(f"{place}.aside", place)
    player, _, token = meet()
    until_event(player, "result")
    until(lambda: "\nroshambo_store_up 0\n" in ask("/metrics"), "the other file is not noticed")
    os.rename(f"{place}.aside", place)
    until(lambda: "\nroshambo_sessions_owed 0\n" in ask("/metrics"), "nothing is written again")
    old = show("MainPID")
    run("systemctl", "kill", "-s", "KILL", "--kill-who=main", "roshambo.service")
    until_other_main(old)
    assert come_back(token) == (True, 1), come_back(token)
    say("another file in the store's place: play goes on, it is said, and the point is written afterwards")


def check_kill():
    old = show("MainPID")
    let_in(come()).close()
    killed = time.monotonic()
    run("systemctl", "kill", "-s", "KILL", "--kill-who=main", "roshambo.service")
    crowd = [come() for _ in range(100)]
    let_in(crowd[0])
    first = time.monotonic() - killed
    for sock in crowd[1:]:
        let_in(sock)
    until_other_main(old)
    say(f"SIGKILL to the next answered client: {first * 1000:.0f} ms; 100 came, none was refused")


def check_watchdog():
    """A loop that hangs is replaced, and those who wait are answered by the next process."""
    old = show("MainPID")
    stopped = time.monotonic()
    run("systemctl", "kill", "-s", "STOP", "--kill-who=main", "roshambo.service")
    crowd = [come() for _ in range(20)]
    for sock in crowd:
        let_in(sock)
    until_other_main(old)
    assert "watchdog" in run("journalctl", "-u", "roshambo", "--no-pager").lower()
    say(f"a blocked loop was replaced after {time.monotonic() - stopped:.1f} s (WatchdogSec=2s)")


def program():
    """Which file runs: device and number."""
    stat = os.stat(f"/proc/{show('MainPID')}/exe")
    return stat.st_dev, stat.st_ino


def check_upgrade():
    """The new program goes on with the old one's round, connections and process number."""
    old, before = show("MainPID"), program()
    player, other, token = meet(deploy.SITE)
    behind = [let_in(come(deploy.SITE)) for _ in range(100)]
    # Whoever says nothing for half a minute is not waited for.
    for sock in behind:
        say_hello(sock, "Cat")
    install = subprocess.Popen(
        ["dpkg", "--install", "/next.deb"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    crowd = [come() for _ in range(100)]
    output, _ = install.communicate()
    assert install.returncode == 0, output
    assert show("MainPID") == old and program() != before, "the program was not replaced"
    for sock in crowd:
        let_in(sock)
    for sock in behind:
        say_event(sock, '["ping"]')
    for sock in behind:
        assert frame(sock) == b'["pong"]'
    until_event(player, "result")
    other.close()
    log = run("journalctl", "-u", "roshambo", "--no-pager")
    assert " reloaded " in log and "not reloaded" not in log, log[-2000:]
    assert run("dpkg-query", "-W", "-f", "${Version}", "roshambo").endswith("+next")
    assert come_back(token) == (True, 1), come_back(token)
    say("upgrade: the new program told the result of the old one's round on the same connection, by wss "
        "through nginx, its point is kept, 100 came and none was refused, 100 behind nginx did not notice")


def check_downgrade():
    """A restart: who plays is told, and comes back."""
    old = show("MainPID")
    player = let_in(come())
    run("dpkg", "--install", "/first.deb")
    while frame(player) is not None:
        pass
    until_other_main(old)
    let_in(come()).close()
    say("downgrade: a restart")


def check_purge():
    """Removing the package stops the sockets too; purging leaves nothing."""
    deploy.remove_site()
    # Our own drop-in, as an administrator might have one; its directory goes with the package.
    os.remove("/etc/systemd/system/roshambo.service.d/test.conf")
    os.remove("/etc/systemd/system/roshambo.service.d/tls.conf")
    os.remove("/etc/systemd/system/roshambo@.service.d/test.conf")
    run("dpkg", "--purge", "roshambo")
    for address in (GAME, ADMIN, ("127.0.0.1", 443), ("127.0.0.1", 80)):
        try:
            connect(address).close()
        except ConnectionRefusedError:
            continue
        raise AssertionError(f"somebody still listens on {address}")
    left = run(
        "find", "/etc", "/var/lib", "/run", "/usr", "-xdev",
        "(", "-path", "/run/udev", "-o", "-path", "/var/lib/dpkg", ")", "-prune",
        "-o", "-name", "*roshambo*", "-print",
    )
    assert left == "", left
    assert "roshambo" not in run("cat", "/etc/group"), "the keys' group is left"
    # Port 80 and 443 are nginx's again, for cloud-init.
    run("systemctl", "start", "nginx")
    say("purged: nothing is left")


def main():
    checks = [
        deploy.check_readme,
        deploy.check_site,
        check_sockets,
        check_user,
        check_store,
        check_kill,
        deploy.check_kill_behind_nginx,
        check_watchdog,
        check_upgrade,
        check_downgrade,
        deploy.check_several,
        deploy.check_without_nginx,
        check_purge,
        deploy.check_cloud_init,
    ]
    for check in checks:
        try:
            check()
        except BaseException:
            say(f"FAILED {check.__name__}\n{traceback.format_exc()}")
            log = subprocess.run(
                ["journalctl", "-b", "--no-pager", "-n", "80"], stdout=subprocess.PIPE, text=True
            )
            say(log.stdout)
            break
    else:
        say("passed")
    result.close()
    os.sync()
    subprocess.run(["systemctl", "poweroff", "--force", "--force"])


main()
sys.exit(0)
