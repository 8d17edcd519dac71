import { LabIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

/** Outlines that JupyterLab has no icon for, in a box of 16. */
const PATHS = {
  up: 'M4 9.75l4-4 4 4',
  down: 'M4 6.25l4 4 4-4',
  follow: 'M2 3.5h12M2 6.75h5M2 10h5M11 6.75v6.5M8.5 10.75l2.5 2.5 2.5-2.5',
  wrap: 'M2 4h12M2 8h9.5a2.25 2.25 0 0 1 0 4.5H8M9.75 10.75L8 12.5l1.75 1.75M2 12h3',
  download: 'M8 2.5v7.75M4.75 7.25L8 10.5l3.25-3.25M3 13.5h10',
  rerun: 'M12.9 6A5.4 5.4 0 1 0 13.4 9M13.25 2.5V6h-3.5',
  suspend: 'M5.5 3.5v9M10.5 3.5v9',
  resume: 'M5 3.25v9.5L12.5 8z',
  cell: 'M2 4.5h12v7H2zM4.5 8h0M4.5 6.5L6 8 4.5 9.5M8 9.5h3.5',
  script: 'M2.5 3.5h11M2.5 6.5h11M2.5 9.5h11M2.5 12.5h6',
  notebook: 'M3 2h10v12H3zM6 2v12M8 5h3M8 7.5h3',
  bin: 'M3 4.5h10M6 4.5V2.5h4v2M4.25 4.5l.6 9h6.3l.6-9',
  search: 'M11.5 7a4.5 4.5 0 1 1-9 0 4.5 4.5 0 0 1 9 0zM10.5 10.5l3.25 3.25'
} as const;

export function Glyph({ of }: { of: keyof typeof PATHS }): JSX.Element {
  return (
    <svg className="cnai-JobGlyph" width="16" height="16" viewBox="0 0 16 16" aria-hidden="true">
      <path d={PATHS[of]} />
    </svg>
  );
}

/** A button of one glyph, with its name for those who do not see it. */
export function GlyphButton(props: {
  of: keyof typeof PATHS;
  name: string;
  onClick: () => void;
  pressed?: boolean;
  disabled?: boolean;
}): JSX.Element {
  const { of, name, onClick, pressed, disabled } = props;
  return (
    <button
      className="cnai-Job-glyph"
      aria-label={name}
      title={name}
      aria-pressed={pressed}
      disabled={disabled}
      onClick={onClick}
    >
      <Glyph of={of} />
    </button>
  );
}

/** The same for JupyterLab's own buttons, in the grey of its icons. */
export const toolIcons = {
  rerun: icon('rerun'),
  suspend: icon('suspend'),
  resume: icon('resume'),
  cell: icon('cell'),
  script: icon('script'),
  notebook: icon('notebook'),
  bin: icon('bin')
};

function icon(name: keyof typeof PATHS): LabIcon {
  const svgstr =
    '<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 16 16">' +
    '<path fill="none" stroke="#616161" class="cnai-JobToolGlyph" stroke-width="1.5"' +
    ` stroke-linecap="round" stroke-linejoin="round" d="${PATHS[name]}"/></svg>`;
  return new LabIcon({ name: `cnai-lab:job-${name}`, svgstr });
}
