"""The steps of systemd/README.md on a fresh Debian, command by command, and what cloud-init.yaml makes of one.

The commands are taken from the README itself, and what they print is held against its "You see".
Only what a test cannot have is replaced: the domain is one of /etc/hosts, and the certificate
authority is pebble, Let's Encrypt's own small one, which asks back by port 80 as the real one does.
What certbot would ask a person stands in its settings.
"""

import os
import re
import socket
import subprocess
import time

from machine import (
    PATIENCE_S, ask, come, connect, frame, knock, let_in, run, say, say_event, say_hello, shake_hands, show,
    until, until_event, until_other_main,
)

DOMAIN = "play.test"
SITE = f"https://{DOMAIN}"
# What the README promises after each of the steps that are done on the machine.
PROMISES = {
    2: [],
    3: ["serving 0 of at most 10000 connections", "ok"],
    4: ["Successfully received certificate"],
    5: ["ok"],
}


# Of the modules those that the file speaks to, in Debian's stages; the others are about a real
# machine's disks, keys and locales.
CLOUD = """\
datasource_list: [NoCloud]
cloud_init_modules: [write-files]
cloud_config_modules: [runcmd]
cloud_final_modules: [package-update-upgrade-install, scripts-user]
"""


def steps():
    """The README's steps of "Deploy": number, commands, and the text behind them."""
    with open("/check/README.md", encoding="utf-8") as file:
        text = file.read()
    section = text.split("\n## Deploy\n")[1].split("\n### ")[0]
    found = re.findall(r"\*\*(\d)\. .*?```sh\n(.*?)```\n(.*?)(?=\n\*\*\d\. |\Z)", section, re.S)
    return {int(number): (commands, rest) for number, commands, rest in found}


def start_authority():
    """Pebble, with an account of ours at it, and with the system believing both of its names."""
    settings = "/root/.config/letsencrypt"
    os.makedirs(settings)
    with open(f"{settings}/cli.ini", "w", encoding="ascii") as file:
        file.write("server = https://localhost:14000/dir\nagree-tos = true\n")
        file.write("register-unsafely-without-email = true\nnon-interactive = true\n")
    environment = {**os.environ, "PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0"}
    subprocess.Popen(
        ["pebble", "-config", "/check/pebble.json"],
        stdout=open("/pebble.log", "w", encoding="utf-8"),
        stderr=subprocess.STDOUT,
        env=environment,
    )


def believe_authority():
    """What every phone does with Let's Encrypt: its root is one of the system's."""
    url = "https://localhost:15000/roots/0"
    root = run("curl", "--fail", "--silent", "--show-error", "--retry-connrefused", url)
    with open("/usr/local/share/ca-certificates/pebble.crt", "w", encoding="ascii") as file:
        file.write(root + "\n")
    run("update-ca-certificates")


def check_readme():
    start_authority()
    there = steps()
    assert sorted(there) == [1, 2, 3, 4, 5], sorted(there)
    for number, promises in PROMISES.items():
        commands, rest = there[number]
        commands = commands.replace("YOUR.DOMAIN", DOMAIN)
        if number == 5:
            believe_authority()
        begun = time.monotonic()
        printed = run("bash", "-exc", commands, cwd="/root", stdin=subprocess.DEVNULL)
        for promise in promises:
            assert promise in printed, (number, promise, printed)
            assert promise in rest, f"step {number}: the README does not promise {promise}"
        if number == 2:
            assert DOMAIN in printed, printed
        if number in (3, 5):
            fine = [line for line in printed.splitlines() if line.startswith("ok     ")]
            assert len(fine) == 6, printed
        say(f"README, step {number}: as it says, after {time.monotonic() - begun:.0f} s")


def certificate(site=SITE):
    """What a client is shown."""
    with connect(site) as sock:
        return sock.getpeercert()["serialNumber"]


def check_site():
    """The page, what is not shown, the redirect, the challenges, and a renewal."""
    page = ask("/", SITE)
    assert page.startswith("HTTP/1.1 200 ") and "<html" in page, page
    assert ask("/readyz", SITE).startswith("HTTP/1.1 200 ")
    for hidden in ("/metrics", "/status", "/statusz"):
        assert ask(hidden, SITE).startswith("HTTP/1.1 404 "), hidden
    moved = ask("/a?b", (DOMAIN, 80))
    assert moved.startswith("HTTP/1.1 301 "), moved
    os.makedirs("/var/www/html/.well-known/acme-challenge", exist_ok=True)
    with open("/var/www/html/.well-known/acme-challenge/token", "w", encoding="ascii") as file:
        file.write("by hand")
    assert ask("/.well-known/acme-challenge/token", (DOMAIN, 80)).endswith("by hand")
    before = certificate()
    run("certbot", "renew", "--force-renewal", "--no-random-sleep-on-renew")
    # The old workers may still be the ones who answer.
    end = time.monotonic() + PATIENCE_S
    while certificate() == before:
        assert time.monotonic() < end, "nginx does not show the new certificate"
    run("nginx", "-t")
    say("https: page, no metrics, redirect, challenges; a renewed certificate is the one shown")


def check_kill_behind_nginx():
    """Players are connected through TLS and nginx; whoever comes to a dead service is let in."""
    here = [let_in(come(SITE)) for _ in range(20)]
    for sock in here:
        say_event(sock, '["hello",{"v":2,"user":{"uname":"Ann","uavatar":""}}]')
        assert (frame(sock) or b"").startswith(b'["hi",')
    old = show("MainPID")
    # Nobody is slower for the work of a hundred handshakes.
    crowd = [connect(SITE) for _ in range(100)]
    killed = time.monotonic()
    run("systemctl", "kill", "-s", "KILL", "--kill-who=main", "roshambo.service")
    for sock in crowd:
        knock(sock, SITE)
    let_in(crowd[0])
    first = time.monotonic() - killed
    for sock in crowd[1:]:
        let_in(sock)
    old = until_other_main(old)
    say(f"wss: SIGKILL to the next answered client: {first * 1000:.0f} ms; 100 came through nginx, "
        "none was refused")

    late = [connect(SITE) for _ in range(100)]
    # A round runs, so that the drain lasts.
    say_event(crowd[0], '["hello",{"v":2,"user":{"uname":"Ann","uavatar":""}}]')
    say_event(crowd[0], '["join"]')
    while not (frame(crowd[0]) or b"").startswith(b'["start",'):
        pass
    restart = subprocess.Popen(["systemctl", "restart", "roshambo.service"])
    while "draining" not in show("StatusText"):
        assert restart.poll() is None, "it was over before we looked"
    for sock in late:
        knock(sock, SITE)
    for sock in crowd:
        while frame(sock) is not None:
            pass
    for sock in late:
        let_in(sock)
    assert restart.wait(PATIENCE_S) == 0
    until_other_main(old)
    say("wss: a restart with 100 connected: all are told, 100 more came through nginx, none was "
        "refused")


def three_commands(title, domain):
    """Does what a section of the README begins with; what that prints."""
    with open("/check/README.md", encoding="utf-8") as file:
        section = file.read().split(f"\n## {title}\n")[1].split("\n## ")[0]
    commands = re.search(r"```sh\n(.*?)```", section, re.S).group(1)
    assert len(commands.replace("\\\n", "").strip().splitlines()) == 3, commands
    return run(
        "bash", "-exc", commands.replace("YOUR.DOMAIN", domain), cwd="/root", stdin=subprocess.DEVNULL
    )


def check_several():
    """The README's three commands for two instances; friends meet across them, and one dies."""
    begun = time.monotonic()
    three_commands("More than one", DOMAIN)
    ann, bob = let_in(come(SITE, "?i=b")), let_in(come(SITE))
    greeted = say_hello(ann, "Ann"), say_hello(bob, "Bob")
    assert [hi["instance"] for hi in greeted] == ["b", "a"], greeted
    say(f"two instances: three commands to a game by wss, after {time.monotonic() - begun:.0f} s")

    say_event(ann, '["join",{"room":"new"}]')
    code = until_event(ann, "room")["code"]
    enter = '["join",{"room":"%s"}]' % code

    def is_led():
        say_event(bob, enter)
        return until_event(bob, "problem").get("instance") == "b"

    # By the code, as soon as it is written; then as its link does.
    until(is_led, "the room is not elsewhere")
    bob.close()
    bob = let_in(come(SITE, f"?i={code[0].lower()}"))
    say_hello(bob, "Bob")
    play(ann, bob, enter)
    admin = "/run/roshambo-b/admin.sock"
    until(lambda: "\nroshambo_sessions_owed 0\n" in ask("/metrics", admin), "it is not written")
    fine = run("roshambo", "probe", f"wss://{DOMAIN}", "--idle", "0", "--instances", "a,b")
    assert "instances: 2, each where its letter leads" in fine, fine

    old = show("MainPID", "roshambo@b.service")
    killed = time.monotonic()
    run("systemctl", "kill", "-s", "KILL", "roshambo@b.service")
    token = greeted[0]["session"]
    ann = let_in(come(SITE, "?i=b"))
    hi = say_hello(ann, "Ann", token)
    took = time.monotonic() - killed
    assert (hi["instance"], hi["resumed"], hi["totalScore"]) == ("a", True, 1), hi
    say(f"one of two is killed: its player has its points on the other after {took * 1000:.0f} ms")
    bob = let_in(come(SITE, "?i=b"))
    say_hello(bob, "Bob")
    say_event(ann, '["join",{"room":"new"}]')
    play(ann, bob, '["join",{"room":"%s"}]' % until_event(ann, "room")["code"])
    until_other_main(old, "roshambo@b.service")
    hi = say_hello(let_in(come(SITE, "?i=b")), "Ann", token)
    assert (hi["instance"], hi["totalScore"]) == ("b", 3), hi
    say(f"and plays on; the one that was killed serves again after {time.monotonic() - killed:.1f} s")
    # Each is in a network of its own, and asked there.
    run("systemctl", "reload", "roshambo@a.service", "roshambo@b.service")
    sent = run("roshambo", "gather", show("MainPID", "roshambo@b.service"))
    say(f"both are reloaded, and b sends its players on: {sent.strip()}")
    # The others go on as before; what a purge makes of these is seen then.
    run("systemctl", "enable", "--now", "roshambo.socket", "roshambo-admin.socket", "roshambo.service")


def play(first, second, enter):
    """One is in a room, the other one enters it, and loses."""
    say_event(second, enter)
    until_event(first, "start")
    say_event(first, '["choice",{"choice":2}]')
    until_event(first, "result")


def check_without_nginx():
    """The README's three commands for TLS in the process, then what a player and an operator see."""
    domain, site = "bare.test", "https://bare.test"
    run("systemctl", "stop", "nginx")
    begun = time.monotonic()
    printed = three_commands("Without nginx", domain)
    assert "Successfully received certificate" in printed, printed
    # The service looks every five seconds.
    let_in(until_answered(site)).close()
    took = time.monotonic() - begun
    fine = run("roshambo", "probe", f"wss://{domain}", "--idle", "0")
    assert fine.count("ok     ") == 6, fine
    page = ask("/", site)
    assert page.startswith("HTTP/1.1 200 ") and "<html" in page, page
    moved = ask("/a?b", (domain, 80))
    assert moved.startswith("HTTP/1.1 301 ") and f"https://{domain}/a?b" in moved, moved
    key = os.stat("/etc/roshambo/key.pem")
    assert key.st_uid == 0 and key.st_mode & 0o777 == 0o640, key
    say(f"without nginx: three commands to a game by wss, after {took:.0f} s")

    before, pid = certificate(site), show("MainPID")
    run("certbot", "renew", "--cert-name", domain, "--force-renewal", "--no-random-sleep-on-renew")
    end = time.monotonic() + PATIENCE_S
    while certificate(site) == before:
        assert time.monotonic() < end, "the service does not show the new certificate"
        time.sleep(0.1)
    assert show("MainPID") == pid, "it was restarted for that"
    here = [let_in(come(site)) for _ in range(20)]
    run("systemctl", "kill", "-s", "KILL", "--kill-who=main", "roshambo.service")
    crowd = [socket.create_connection((domain, 443), timeout=PATIENCE_S) for _ in range(50)]
    for sock in crowd:
        let_in(knock(shake_hands(sock, domain), site)).close()
    for sock in here:
        sock.close()
    until_other_main(pid)
    say("without nginx: a renewed certificate is taken up; after SIGKILL 50 came by TLS, none was refused")


def until_answered(site):
    """Somebody who tries until there is a certificate."""
    end = time.monotonic() + PATIENCE_S
    while True:
        try:
            return come(site)
        except OSError:
            assert time.monotonic() < end, f"nobody answers at {site}"
            time.sleep(0.1)


def remove_site():
    for path in (
        "/etc/nginx/sites-enabled/roshambo.conf",
        "/etc/nginx/sites-available/roshambo.conf",
        "/etc/nginx/modules-enabled/90-roshambo.conf",
    ):
        os.remove(path)


def check_cloud_init():
    """cloud-init.yaml with its two values filled in, by cloud-init itself."""
    domain = "cloud.test"
    with open("/check/cloud-init.yaml", encoding="utf-8") as file:
        lines = file.read().splitlines(keepends=True)
    values = {"domain": domain, "package": "file:///first.deb"}
    for name, value in values.items():
        at = [i for i, line in enumerate(lines) if line.startswith(f"{{% set {name} = ")]
        assert len(at) == 1, (name, at)
        lines[at[0]] = f'{{% set {name} = "{value}" %}}\n'
    run("apt-get", "install", "--yes", "--no-install-recommends", "cloud-init")
    seed = "/var/lib/cloud/seed/nocloud"
    os.makedirs(seed)
    with open(f"{seed}/meta-data", "w", encoding="ascii") as file:
        file.write("instance-id: test\nlocal-hostname: test\n")
    with open(f"{seed}/user-data", "w", encoding="utf-8") as file:
        file.write("".join(lines))
    with open("/etc/cloud/cloud.cfg.d/99-test.cfg", "w", encoding="ascii") as file:
        file.write(CLOUD)
    begun = time.monotonic()
    for arguments in (
        ["init", "--local"], ["init"], ["modules", "--mode=config"], ["modules", "--mode=final"]
    ):
        run("cloud-init", *arguments)
    rendered = run("cloud-init", "devel", "render", f"{seed}/user-data")
    with open("/rendered.yaml", "w", encoding="utf-8") as file:
        file.write(rendered + "\n")
    said = run("cloud-init", "schema", "--config-file", "/rendered.yaml")
    assert "Valid" in said, said
    with open("/var/log/cloud-init-output.log", encoding="utf-8") as file:
        log = file.read()
    # The last thing that it does is to play, through TLS and nginx.
    assert log.count("\nok     ") == 6, log
    say(f"cloud-init: valid, and players get through after {time.monotonic() - begun:.0f} s")
