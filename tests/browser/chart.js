// Notes what a page draws on its canvases since each was last cleared, so that a test reads what a
// person sees there: texts with their places, and lines with their points, colours and dashes.
(() => {
  const points = new WeakMap();
  const drawn = canvas => (canvas.drawn ??= { texts: [], lines: [], times: 0 });

  function noting(prototype, name, note) {
    const original = prototype[name];
    prototype[name] = function (...given) {
      note(this, ...given);
      return original.apply(this, given);
    };
  }

  for (const name of ['moveTo', 'lineTo']) {
    noting(Path2D.prototype, name, (path, x, y) => {
      points.set(path, [...(points.get(path) ?? []), [x, y]]);
    });
  }
  const context = CanvasRenderingContext2D.prototype;
  noting(context, 'clearRect', ({ canvas }) => {
    canvas.drawn = { texts: [], lines: [], times: drawn(canvas).times + 1 };
  });
  noting(context, 'fillText', (ctx, text, x, y) => {
    drawn(ctx.canvas).texts.push({ text, x, y, align: ctx.textAlign });
  });
  noting(context, 'stroke', (ctx, path) => {
    const line = path instanceof Path2D ? points.get(path) : undefined;
    if (line) {
      const look = { colour: ctx.strokeStyle, dashed: ctx.getLineDash().length > 0 };
      drawn(ctx.canvas).lines.push({ ...look, points: line });
    }
  });

  // What a chart, as the figure that holds it, shows now.
  window.chartShows = figure => {
    const { texts, lines } = drawn(figure.querySelector('canvas'));
    const axis = align => texts.filter(each => each.align === align && each.text);
    const across = axis('center').sort((one, other) => one.x - other.x);
    const up = axis('right').sort((one, other) => other.y - one.y);
    return {
      x: across.map(({ text }) => Number(text)),
      y: up.map(({ text }) => Number(text)),
      rungs: up.map(({ y }) => y),
      lines
    };
  };
})();
