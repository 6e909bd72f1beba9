# Plays one round against a robot in the oldest browser that the page promises: Chromium 69, as Qt
# WebEngine 5.12 has it.
#
#   oldest.py URL PICTURE

import sys

from PyQt5.QtCore import QTimer, QUrl
from PyQt5.QtWebEngineWidgets import QWebEnginePage, QWebEngineView
from PyQt5.QtWidgets import QApplication

STEPS = [
    ("main[data-link=online]", "document.querySelector('#hands button[value=\"2\"]').click()"),
    ("main[data-phase=playing] #hands [aria-pressed=true]", ""),
    ("main[data-phase=between][data-moment=points]", ""),
]
PATIENCE_MS = 60_000
LOOK_MS = 100


class Page(QWebEnginePage):
    def javaScriptConsoleMessage(self, level, message, line, source):
        print(f"console: {message} ({source}:{line})", file=sys.stderr)
        if level == QWebEnginePage.ErrorMessageLevel and "preload" not in message:
            sys.exit(1)


app = QApplication([sys.argv[0], "--no-sandbox"])
view = QWebEngineView()
view.setPage(Page(view))
view.resize(390, 844)
steps = list(STEPS)


def look():
    if not steps:
        view.grab().save(sys.argv[2])
        view.page().runJavaScript("document.querySelector('#outcome').textContent", done)
        return
    selector, act = steps[0]
    script = f"(() => {{ const there = !!document.querySelector('{selector}'); if (there) {{ {act} }} return there; }})()"
    view.page().runJavaScript(script, seen)


def seen(there):
    if there:
        steps.pop(0)
    QTimer.singleShot(LOOK_MS, look)


def done(outcome):
    print(outcome)
    app.exit(0 if outcome.strip() else 1)


def late():
    print(f"never seen: {steps[:1]}", file=sys.stderr)
    view.grab().save(sys.argv[2])
    app.exit(1)


QTimer.singleShot(PATIENCE_MS, late)
view.load(QUrl(sys.argv[1]))
view.show()
look()
sys.exit(app.exec_())
