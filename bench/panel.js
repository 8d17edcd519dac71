// A script of the page: notes when a stamp is painted, long tasks, and the time between frames.
const seen = new Map();
const begun = Date.now();
const stamped = (stamp, at) => {
  if (!(at > begun) || seen.has(stamp)) return;
  seen.set(stamp, null);
  requestAnimationFrame(() => {
    // A message comes after the frame has been painted.
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => seen.set(stamp, performance.timeOrigin + performance.now() - at);
    port2.postMessage(0);
  });
};
const note = () => {
  for (const name of document.querySelectorAll('.cnai-JobRow-name')) {
    const stamp = name.textContent.trim();
    if (/^t\d+\.\d$/.test(stamp)) stamped(stamp, Number(stamp.slice(1)));
  }
  // A quota of so many pods as milliseconds have passed since 1970.
  const pods = document.querySelector('#cnai-side-panel [role=meter][aria-label=Pods]');
  if (pods) stamped(pods.ariaValueMax, Number(pods.ariaValueMax));
};
new MutationObserver(note).observe(document.body, {
  subtree: true,
  childList: true,
  characterData: true,
  attributeFilter: ['aria-valuemax']
});
const tasks = [];
new PerformanceObserver(list =>
  list.getEntries().forEach(({ startTime, duration }) => tasks.push([startTime, duration]))
).observe({ type: 'longtask' });
let pressed = 0;
addEventListener('pointerdown', () => (pressed = performance.now()), { capture: true });
const painted = holds =>
  new Promise(resolve => {
    const look = () => {
      if (!holds()) return requestAnimationFrame(look);
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => resolve(performance.now());
      requestAnimationFrame(() => port2.postMessage(0));
    };
    look();
  });
window.cnaiBench = {
  lags: () => [...seen.values()].filter(value => value !== null),
  count: () => seen.size,
  now: () => performance.now(),
  skew: () => performance.timeOrigin + performance.now() - Date.now(),
  longest: since => Math.max(0, ...tasks.filter(([at]) => at >= since).map(([, ms]) => ms)),
  opened: async () => {
    const rows = '#cnai-side-panel [role=row] .cnai-JobRow-name';
    const at = await painted(() => pressed && document.querySelectorAll(rows).length > 5);
    return at - pressed;
  },
  scroll: async seconds => {
    const list = document.querySelector('#cnai-side-panel [role=grid]');
    const ends = performance.now() + seconds * 1000;
    const frames = [];
    let before = performance.now();
    let way = 1;
    while (before < ends) {
      await new Promise(requestAnimationFrame);
      const now = performance.now();
      frames.push(now - before);
      before = now;
      if (list.scrollTop + list.clientHeight >= list.scrollHeight - 1) way = -1;
      if (list.scrollTop === 0) way = 1;
      list.scrollTop += way * 300;
    }
    list.scrollTop = 0;
    return frames;
  },
  filter: async () => {
    const input = document.querySelector('.cnai-Filter input');
    const began = performance.now();
    const set = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set;
    set.call(input, 'job-42');
    input.dispatchEvent(new Event('input', { bubbles: true }));
    const first = () => document.querySelector('.cnai-JobRow-name')?.textContent ?? '';
    const at = await painted(() => first().startsWith('job-42'));
    set.call(input, '');
    input.dispatchEvent(new Event('input', { bubbles: true }));
    await painted(() => !first().startsWith('job-42'));
    return at - began;
  }
};
