import { LabIcon } from '@jupyterlab/ui-components';

function icon(name: string, path: string): LabIcon {
  // On the group, since JupyterLab's class would fill a path that has a fill of its own.
  const pen = 'fill="none" stroke-width="1.5" stroke-linecap="round" stroke-linejoin="round"';
  const line = `<path class="jp-icon3" stroke="#616161" d="${path}"/>`;
  const svgstr = `<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 16 16"><g ${pen}>${line}</g></svg>`;
  return new LabIcon({ name: `cnai-lab:${name}`, svgstr });
}

// JupyterLab has none for these.
export const sortIcon = icon('sort', 'M5 3v10M2.5 10.5L5 13l2.5-2.5M11 13V3M8.5 5.5L11 3l2.5 2.5');
export const fitIcon = icon(
  'fit',
  'M2.5 6V2.5H6M10 2.5h3.5V6M13.5 10v3.5H10M6 13.5H2.5V10M5.5 8L7.5 10l3.5-4'
);
export const logsIcon = icon('logs', 'M2.5 3.5h11M2.5 6.5h11M2.5 9.5h11M2.5 12.5h6');
export const cellIcon = icon('cell', 'M2 4.5h12v7H2zM4.5 8h0M4.5 6.5L6 8 4.5 9.5M8 9.5h3.5');
export const openIcon = icon('open', 'M6.25 3H3v10h10V9.75M9.25 3H13v3.75M13 3L7.5 8.5');
