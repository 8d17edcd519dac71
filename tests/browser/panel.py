"""The panel and the job's page by the words and roles that a person and a screen reader meet."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, WebSocket, expect

from .conftest import SLOW, Lab

SOCKET = "/cnai/api/stream"


def open_lab(page: Page, lab: Lab, path: str = "lab") -> Panel:
    """JupyterLab without a document, and the panel in it."""
    page.goto(lab.url(path))
    return open_panel(page)


def open_panel(page: Page, *, jobs: str = "Jobs") -> Panel:
    """The panel, by a click on its icon unless it is open.

    Args:
        jobs: what its list is called in the page's language.
    """
    panel = Panel(page, jobs=jobs)
    # Which panel is open is only known when JupyterLab has laid itself out; then this one connects.
    expect(panel.root.locator(".cnai-Backend")).to_be_attached()
    if panel.tab.get_attribute("aria-selected") != "true":
        panel.tab.click()
    expect(panel.root).to_be_visible()
    return panel


class Panel:
    """The side panel of a page.

    Args:
        jobs: what the list is called in the page's language.
    """

    def __init__(self, page: Page, *, jobs: str = "Jobs") -> None:
        self.page = page
        self.tab = page.locator(".jp-SideBar .lm-TabBar-tab[data-id^='cnai']")
        self.root = page.locator("#cnai-side-panel")
        self.grid = self.root.get_by_role("grid", name=jobs)
        self.filter = self.root.get_by_placeholder("Filter jobs")
        self.waiting = self.root.get_by_role("button", name=re.compile(r"^\d+ new$"))

    def row(self, name: str) -> Locator:
        """The row of the job with exactly this name."""
        own = re.compile(rf"^\s*{re.escape(name)}\s*$")
        cell = self.page.locator(".cnai-JobRow-name", has_text=own)
        return self.grid.get_by_role("row").filter(has=cell)

    def says(self, name: str, words: str | re.Pattern[str], *, timeout: float = SLOW) -> Locator:
        """Its row, once it shows these words; new rows wait while the list is pointed at."""
        row = self.row(name)
        while True:
            expect(row.or_(self.waiting)).not_to_have_count(0, timeout=timeout)
            if row.count():
                break
            # What waits may be another row, or be let in before it is clicked.
            self.waiting.evaluate_all("buttons => buttons.forEach(button => button.click())")
        expect(row).to_contain_text(words, timeout=timeout)
        return row

    def width(self, pixels: int) -> None:
        """Drag its border until it is that wide."""
        handle = self.page.locator("#jp-main-split-panel > .lm-SplitPanel-handle").first
        handle.element_handle().wait_for_element_state("stable")
        border, side = handle.bounding_box(), self.root.bounding_box()
        assert border and side
        self.page.mouse.move(border["x"] + 1, border["y"] + 200)
        self.page.mouse.down()
        self.page.mouse.move(side["x"] + pixels, border["y"] + 200, steps=5)
        self.page.mouse.up()
        about = "([panel, pixels]) => Math.abs(panel.clientWidth - pixels) < 6"
        self.page.wait_for_function(about, arg=[self.root.element_handle(), pixels])

    def quota_height(self) -> float:
        """How high the section of the gauges is, once two frames agree."""
        measured = self.root.locator("#cnai-quota").evaluate(
            """async section => {
              const frame = () => new Promise(requestAnimationFrame);
              for (let before = -1; ; ) {
                await frame();
                await frame();
                const now = section.getBoundingClientRect().height;
                if (now === before) return now;
                before = now;
              }
            }"""
        )
        return float(measured)

    def drag_border(self, pixels: int) -> None:
        """Drag the border below the gauges downwards."""
        border = self.root.locator(
            ".lm-AccordionPanel > .lm-SplitPanel-handle:not(.lm-mod-hidden)"
        ).first.bounding_box()
        assert border
        x, y = border["x"] + border["width"] / 2, border["y"] + border["height"] / 2
        self.page.mouse.move(x, y)
        self.page.mouse.down()
        self.page.mouse.move(x, y + pixels, steps=5)
        self.page.mouse.up()

    def act(self, name: str, action: str) -> None:
        """Press one of the buttons that a row has under the pointer."""
        row = self.row(name)
        row.hover()
        row.get_by_role("button", name=action).click()

    def show_new(self) -> None:
        """Let in what waits, since rows do not move under the pointer or the focus."""
        self.root.get_by_role("button", name=re.compile(r"^\d+ new$")).click()

    def open_job(self, name: str) -> JobPage:
        """Its page, by a double click on its row."""
        self.row(name).dblclick()
        job = JobPage(self.page, name)
        # JupyterLab gives it the keys last; what has them before, such as a palette, loses them.
        expect(self.page.locator(".cnai-JobTab:focus-within")).to_be_attached()
        return job


class JobPage:
    """The page of one job in the main area."""

    def __init__(self, page: Page, name: str) -> None:
        self.page = page
        self.root = page.locator(".cnai-JobPage:visible")
        expect(self.root).to_be_visible()
        expect(self.root.get_by_role("heading", name=re.compile(re.escape(name)))).to_be_visible()

    def section(self, name: str) -> Locator:
        """One of its labelled regions."""
        return self.root.get_by_role("region", name=name)

    def button(self, name: str) -> Locator:
        """A button of its body."""
        return self.root.get_by_role("button", name=name)

    def tool(self, name: str) -> Locator:
        """A button of its toolbar."""
        return self.page.locator(".cnai-JobTab:visible").get_by_role("button", name=name)

    @property
    def log(self) -> Locator:
        """The lines that are in sight."""
        return self.root.get_by_role("log")


class Sockets:
    """How the page's stream comes and goes."""

    def __init__(self, page: Page) -> None:
        self.opened: list[WebSocket] = []
        page.on("websocket", self._note)

    def _note(self, socket: WebSocket) -> None:
        if SOCKET in socket.url:
            self.opened.append(socket)

    @property
    def open(self) -> int:
        """How many are open."""
        return sum(not socket.is_closed() for socket in self.opened)

    def closes(self) -> None:
        """Wait until the newest has closed, unless it has."""
        newest = self.opened[-1]
        if not newest.is_closed():
            newest.wait_for_event("close", timeout=SLOW)


def visibility(page: Page, state: str) -> None:
    """Let the page believe that it is hidden or visible, as when another tab is chosen."""
    page.evaluate(
        """state => {
          const set = (name, value) =>
            Object.defineProperty(document, name, { get: () => value, configurable: true });
          set('visibilityState', state);
          set('hidden', state === 'hidden');
          document.dispatchEvent(new Event('visibilitychange'));
        }""",
        state,
    )
