import React from 'react';

import { fromWire, WireNumber } from '../words';

interface ISpark {
  /** Oldest first; what is not a finite number is a gap. */
  readonly values: readonly WireNumber[];
  readonly width: number;
  readonly height: number;
  /** Grey, since nothing comes any more. */
  readonly rest?: boolean;
}

/** The last values of a metric as a line; the words beside it say what they are. */
export function Spark({ values, width, height, rest = false }: ISpark): JSX.Element {
  return (
    <svg
      className={`cnai-Spark${rest ? ' cnai-mod-rest' : ''}`}
      width={width}
      height={height}
      viewBox={`0 0 ${width} ${height}`}
      aria-hidden="true"
    >
      <path d={pathOf(values.map(fromWire), width, height)} />
    </svg>
  );
}

/** An SVG path inside a box, with a margin for the stroke; a gap breaks it. */
export function pathOf(values: readonly number[], width: number, height: number): string {
  const known = values.filter(Number.isFinite);
  const [low, high] = [Math.min(...known), Math.max(...known)];
  const across = (width - 2) / Math.max(values.length - 1, 1);
  let pen = 'M';
  let path = '';
  values.forEach((value, n) => {
    if (!Number.isFinite(value)) {
      pen = 'M';
      return;
    }
    const part = high > low ? (value - low) / (high - low) : 0.5;
    path += `${pen}${round(1 + n * across)} ${round(height - 1 - part * (height - 2))}`;
    pen = 'L';
  });
  return path;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
