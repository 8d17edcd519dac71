import { Menu } from '@lumino/widgets';

/** Open a menu at a place in the window; when it closes, the keyboard goes on where it was. */
export function openMenu(menu: Menu, x: number, y: number): void {
  const from = document.activeElement;
  // What a row offers goes with the focus; the row stays.
  const row = from?.closest('[role="row"]');
  const goOn = (): void => {
    menu.aboutToClose.disconnect(goOn);
    // The menu leaves the page and runs its command after this; that may take the focus elsewhere.
    window.setTimeout(() => {
      if (document.activeElement === document.body) {
        [from, row].find(isElement)?.focus();
      }
    });
  };
  menu.aboutToClose.connect(goOn);
  menu.open(x, y);
}

function isElement(node: Element | null | undefined): node is HTMLElement {
  return node instanceof HTMLElement && node.isConnected;
}
