import { LabIcon } from '@jupyterlab/ui-components';

import { IShape, KINDS, PHASES, PLACES, TAB } from './shapes';

/** Our tab in the side bar, and of the job pages. */
export const cnaiIcon = icon('cnai', TAB);

/** By phase, for tabs and menus; lists draw a PhaseMark. */
export const phaseIcons = each('phase', PHASES);

export const kindIcons = each('kind', KINDS);

export const placeIcons = each('place', PLACES);

function each(of: string, shapes: Readonly<Record<string, IShape>>): Record<string, LabIcon> {
  return Object.fromEntries(
    Object.entries(shapes).map(([name, shape]) => [
      name,
      icon(`${of}-${name.toLowerCase()}`, shape)
    ])
  );
}

function icon(name: string, shape: IShape): LabIcon {
  return new LabIcon({ name: `cnai-lab:${name}`, svgstr: svg(shape) });
}

/** In the grey of JupyterLab's own icons, which follow its themes by class. */
function svg({ ring, stroke, fill, cut }: IShape): string {
  const dash = ring === 'dashed' ? ' stroke-dasharray="2 2.91"' : '';
  const grey = 'class="jp-icon3" stroke="#616161"';
  return [
    '<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 16 16">',
    // On the group, since the classes would fill whatever has a fill of its own.
    '<g fill="none" stroke-width="1.5" stroke-linecap="round" stroke-linejoin="round">',
    ring ? `<circle ${grey} cx="8" cy="8" r="6.25"${dash}/>` : '',
    stroke ? `<path ${grey} d="${stroke}"/>` : '',
    fill ? `<path class="jp-icon3" fill="#616161" d="${fill}"/>` : '',
    cut ? `<path stroke="var(--jp-layout-color1)" d="${cut}"/>` : '',
    '</g></svg>'
  ].join('');
}
