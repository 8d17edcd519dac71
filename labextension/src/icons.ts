import { LabIcon } from '@jupyterlab/ui-components';

import { IShape, KINDS, TAB } from './shapes';

/** Our tab in the side bar, and of the job pages. */
export const cnaiIcon = icon('cnai', TAB);

/** By kind, for tabs, menus and cards; lists draw a KindMark. */
export const kindIcons: ReadonlyMap<string, LabIcon> = new Map(
  Object.entries(KINDS).map(([kind, shape]) => [kind, icon(`kind-${kind}`, shape)])
);

/** Our tab as a picture: cards of the launcher's notebooks draw nothing else. */
export const cardUrl = `data:image/svg+xml,${encodeURIComponent(svg(TAB))}`;

function icon(name: string, shape: IShape): LabIcon {
  return new LabIcon({ name: `cnai-lab:${name}`, svgstr: svg(shape) });
}

/** In the grey of JupyterLab's own icons, which follow its themes by class. */
function svg({ stroke, fill }: IShape): string {
  const grey = 'class="jp-icon3" stroke="#616161"';
  return [
    '<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 16 16">',
    // On the group, since the classes would fill whatever has a fill of its own.
    '<g fill="none" stroke-width="1.5" stroke-linecap="round" stroke-linejoin="round">',
    stroke ? `<path ${grey} d="${stroke}"/>` : '',
    fill ? `<path class="jp-icon3" fill="#616161" d="${fill}"/>` : '',
    '</g></svg>'
  ].join('');
}
