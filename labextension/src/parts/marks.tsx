import { TranslationBundle } from '@jupyterlab/translation';
import React from 'react';

import { oneLine } from '../foreign';
import { Phase, Row, Source } from '../generated/wire';
import { IShape, KINDS, PHASES, PLACES, UNKNOWN } from '../shapes';
import { isThisMachine, placeText } from '../panels/side/places';
import { fraction, kindName, phaseName } from '../words';

interface IMark {
  readonly trans: TranslationBundle;
  readonly size?: number;
}

/** A phase by its outline; of a running workload the arc says how far it is. */
export function PhaseMark(
  props: IMark & ({ readonly row: Row; phase?: never } | { readonly phase: Phase; row?: never })
): JSX.Element {
  const { trans, size = 16, row } = props;
  const phase = props.phase ?? row!.workload.phase;
  const shape = shapeOf(PHASES, phase);
  const title = shape ? phaseName(phase, trans) : trans.__('Unknown (%1)', oneLine(phase));
  return (
    <Mark
      className={`cnai-PhaseMark cnai-mod-${shape ? phase.toLowerCase() : 'unknown'}`}
      shape={shape ?? UNKNOWN}
      {...{ size, title }}
    >
      {phase === 'Running' && <Arc part={fraction(row?.workload.progress)} />}
    </Mark>
  );
}

/** By own name only: a phase is foreign text, and 'constructor' is none. */
function shapeOf(shapes: Readonly<Record<string, IShape>>, name: string): IShape | undefined {
  return Object.prototype.hasOwnProperty.call(shapes, name) ? shapes[name] : undefined;
}

/** What sort of workload it is. */
export function KindMark({ kind, trans, size = 12 }: IMark & { kind: string }): JSX.Element {
  return (
    <Mark
      className="cnai-KindMark"
      shape={shapeOf(KINDS, kind) ?? UNKNOWN}
      title={kindName(kind, trans)}
      size={size}
    />
  );
}

/** Where it runs. */
export function PlaceMark({ source, trans, size = 12 }: IMark & { source: Source }): JSX.Element {
  return (
    <Mark
      className="cnai-PlaceMark"
      shape={isThisMachine(source) ? PLACES.machine : PLACES.cluster}
      title={oneLine(placeText(source, trans))}
      size={size}
    />
  );
}

/** A track, and the part of it that is done; of unknown length, an arc that turns. */
function Arc({ part }: { part: number | null }): JSX.Element {
  const turning = part === null;
  const length = turning ? 25 : Math.round(part * 100);
  return (
    <>
      <circle className="cnai-Mark-track" cx="8" cy="8" r="6.25" />
      {length > 0 && (
        <circle
          className={turning ? 'cnai-mod-turning' : undefined}
          cx="8"
          cy="8"
          r="6.25"
          pathLength={100}
          strokeDasharray={`${length} 100`}
          strokeLinecap="butt"
          transform="rotate(-90 8 8)"
        />
      )}
    </>
  );
}

function Mark(props: {
  readonly className: string;
  readonly shape: IShape;
  readonly title: string;
  readonly size: number;
  readonly children?: React.ReactNode;
}): JSX.Element {
  const { className, shape, title, size, children } = props;
  return (
    <svg
      className={`cnai-Mark ${className}`}
      width={size}
      height={size}
      viewBox="0 0 16 16"
      role="img"
      aria-label={title}
    >
      <title>{title}</title>
      {shape.ring && (
        <circle
          className={shape.ring === 'dashed' ? 'cnai-Mark-dash' : undefined}
          cx="8"
          cy="8"
          r="6.25"
        />
      )}
      {children}
      {shape.stroke && <path d={shape.stroke} />}
      {shape.fill && <path className="cnai-Mark-fill" d={shape.fill} />}
      {shape.cut && <path className="cnai-Mark-cut" d={shape.cut} />}
    </svg>
  );
}
