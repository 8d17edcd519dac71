/** The outlines of our own marks, in a box of 16; `fill` is filled, everything else a stroke of 1.5. */
export interface IShape {
  readonly stroke?: string;
  readonly fill?: string;
  /** Drawn over the filled part in the colour of the background. */
  readonly cut?: string;
  /** A circle of radius 6.25 around all: whole, or dashed. */
  readonly ring?: 'whole' | 'dashed';
}

const DOT = 'M10 8a2 2 0 1 1-4 0 2 2 0 0 1 4 0z';

export const PHASES: Readonly<Record<string, IShape>> = {
  Queued: { ring: 'whole', stroke: 'M8 4.75V8l2.25 1.75' },
  Starting: { ring: 'dashed', fill: DOT },
  Running: { fill: 'M6.5 5.2v5.6L11 8z' },
  Succeeded: { ring: 'whole', stroke: 'M5.25 8.25l2 2 3.5-4.25' },
  Failed: {
    fill: 'M5.3 1.25h5.4l4.05 4.05v5.4l-4.05 4.05H5.3L1.25 10.7V5.3z',
    cut: 'M5.75 5.75l4.5 4.5M10.25 5.75l-4.5 4.5'
  },
  Stopped: { ring: 'whole', fill: 'M5.75 5.75h4.5v4.5h-4.5z' },
  Ready: {
    fill: DOT,
    stroke:
      'M5.1 11.1a4.4 4.4 0 0 1 0-6.2M10.9 4.9a4.4 4.4 0 0 1 0 6.2' +
      'M2.9 13.3a7.5 7.5 0 0 1 0-10.6M13.1 2.7a7.5 7.5 0 0 1 0 10.6'
  }
};

/** Of a phase that this page does not know. */
export const UNKNOWN: IShape = {
  ring: 'dashed',
  stroke: 'M6.35 6.3a1.7 1.7 0 1 1 2.5 1.5c-.55.3-.85.65-.85 1.2M8 11.1v.1'
};

export const KINDS: Readonly<Record<string, IShape>> = {
  train: { stroke: 'M2 12.5l3.75-4.25 3 2.25L14 3.5M10.25 3.5H14v3.75' },
  tune: {
    stroke:
      'M2 5h6.5M12.5 5H14M2 11h1.5M7.5 11H14' +
      'M12.5 5a2 2 0 1 1-4 0 2 2 0 0 1 4 0zM7.5 11a2 2 0 1 1-4 0 2 2 0 0 1 4 0z'
  },
  serve: { stroke: 'M1.75 8h7M6 5l3 3-3 3M10.5 3h3.25v10H10.5' },
  pipeline: { stroke: 'M1.75 2.75h5v3.5h-5zM9.25 9.75h5v3.5h-5zM4.25 6.25v5.25h5' }
};

export const PLACES: Readonly<Record<'machine' | 'cluster', IShape>> = {
  machine: { stroke: 'M1.75 3h12.5v8.25H1.75zM5.5 13.5h5' },
  cluster: {
    stroke: 'M5.5 2h5v4h-5zM1.75 10h5v4h-5zM9.25 10h5v4h-5zM8 6v2M4.25 10V8h7.5v2'
  }
};

/** Our tab: one notebook, and what it starts. */
export const TAB: IShape = {
  stroke: 'M1.75 5.5h4.5v5h-4.5zM6.25 8h3M9.25 8V3h2M9.25 8v5h2M9.25 8h2',
  fill: 'M11.25 1.5h3v3h-3zM11.25 6.5h3v3h-3zM11.25 11.5h3v3h-3z'
};
