// What the keyboard is on in the panel, and what it should be able to reach there.
(() => {
  const panel = () => document.querySelector('#cnai-side-panel');
  const reached = new Set();

  function ring(node, part) {
    const style = getComputedStyle(node, part);
    const drawn = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0;
    return drawn && (!part || style.content !== 'none');
  }

  function nameOf(node) {
    const said = node.ariaLabel || node.title || node.labels?.[0]?.innerText || node.innerText;
    return said.trim().split('\n')[0];
  }

  // The control that has the focus, or null when it is outside of the panel.
  window.focused = () => {
    let node = document.activeElement;
    while (node.shadowRoot?.activeElement) {
      node = node.shadowRoot.activeElement;
    }
    const control = node.getRootNode().host ?? node;
    if (!panel().contains(control)) {
      return null;
    }
    reached.add(control);
    const { left, top, bottom } = control.getBoundingClientRect();
    const marked =
      node.matches(':focus-visible') && ['', '::before', '::after'].some(part => ring(node, part));
    const inside = top >= 0 && bottom <= document.documentElement.clientHeight;
    return { name: nameOf(node), x: left, y: (top + bottom) / 2, seen: marked && inside };
  };

  // Controls that are in sight and were never focused. A row's box is what Space does on the row.
  window.neverFocused = () =>
    [...panel().querySelectorAll('button, input, select, a[href], jp-button, h3, [role="row"]')]
      .filter(node => node.checkVisibility() && !node.matches('[disabled], [role="row"] input'))
      .filter(node => !reached.has(node))
      .map(nameOf);
})();
