import * as React from 'react';

/** Outlines that JupyterLab has no icon for, in a box of 16. */
const PATHS = {
  up: 'M4 9.75l4-4 4 4',
  down: 'M4 6.25l4 4 4-4',
  follow: 'M2 3.5h12M2 6.75h5M2 10h5M11 6.75v6.5M8.5 10.75l2.5 2.5 2.5-2.5',
  wrap: 'M2 4h12M2 8h9.5a2.25 2.25 0 0 1 0 4.5H8M9.75 10.75L8 12.5l1.75 1.75M2 12h3',
  download: 'M8 2.5v7.75M4.75 7.25L8 10.5l3.25-3.25M3 13.5h10',
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
