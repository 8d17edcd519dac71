import { Clipboard } from '@jupyterlab/apputils';
import { copyIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import { oneLine } from '../../foreign';
import { Diagnosis, Evidence } from '../../generated/wire';
import { said } from '../../sentences';
import { Glyph } from './glyphs';
import { IPart, IServices } from './services';

/** What happened, why, what to do with the button that does it, and the lines that prove it. */
export function Verdict(props: IPart & { diagnosis: Diagnosis }): JSX.Element {
  const { model, services, diagnosis } = props;
  const { trans } = services;
  const evidence = rootFirst(diagnosis.evidence ?? []);
  const warning = model.row?.workload.phase !== 'Failed';
  return (
    <section
      className={`cnai-JobVerdict${warning ? ' cnai-mod-warning' : ''}`}
      aria-label={trans.__('Verdict')}
    >
      <dl>
        <dt>{trans.__('What happened')}</dt>
        <dd className="cnai-Job-strong">{said(diagnosis.happened, trans)}</dd>
        {diagnosis.why && (
          <>
            <dt>{trans.__('Why')}</dt>
            <dd>{said(diagnosis.why, trans)}</dd>
          </>
        )}
        <dt>{trans.__('What to do')}</dt>
        <dd>
          <Fix {...{ services, diagnosis }} />
          <Buttons {...props} />
        </dd>
        {evidence.length > 0 && (
          <>
            <dt>{trans.__('Evidence')}</dt>
            <dd>
              <ul className="cnai-JobEvidence">
                {evidence.map((line, n) => (
                  <EvidenceLine key={n} {...{ model, services, line }} />
                ))}
              </ul>
            </dd>
          </>
        )}
      </dl>
    </section>
  );
}

function Fix(props: { services: IServices; diagnosis: Diagnosis }): JSX.Element {
  const { services, diagnosis } = props;
  const { fix = '', code = '' } = diagnosis;
  return (
    <>
      {said(fix, services.trans)} {code && !fix.includes(code) && <code>{oneLine(code)}</code>}
    </>
  );
}

function Buttons({ model, services, diagnosis }: IPart & { diagnosis: Diagnosis }): JSX.Element {
  const { trans } = services;
  const changes = diagnosis.changes ?? {};
  const [copied, setCopied] = React.useState(false);
  const managed = model.row?.workload.managed !== false;
  return (
    <div className="cnai-JobVerdict-buttons">
      {managed && Object.keys(changes).length > 0 && (
        <button
          className="cnai-Job-button cnai-mod-main"
          disabled={!model.reachable || model.acting !== null}
          onClick={() => void model.act('rerun', changes)}
        >
          <Glyph of="rerun" />
          {trans.__('Run again with %1', callText(changes))}
        </button>
      )}
      <button
        className="cnai-Job-button"
        onClick={() => {
          Clipboard.copyToSystem(verdictText(diagnosis, services));
          setCopied(true);
        }}
      >
        <copyIcon.react tag="span" className="cnai-Job-icon" />
        {trans.__('Copy the verdict')}
      </button>
      <span className="cnai-Job-meta" role="status">
        {copied && trans.__('Copied')}
      </span>
    </div>
  );
}

function EvidenceLine({ model, services, line }: IPart & { line: Evidence }): JSX.Element {
  const where = said(line.where, services.trans);
  return (
    <li className={line.root === false ? 'cnai-mod-consequence' : undefined}>
      {line.line ? (
        <button
          className="cnai-Job-link"
          title={services.trans.__('Show this line in the log')}
          onClick={() => model.show(line)}
        >
          {where}
        </button>
      ) : (
        <span>{where}</span>
      )}
      <span className="cnai-JobEvidence-text" title={oneLine(line.text)}>
        {oneLine(line.text)}
      </span>
    </li>
  );
}

/** What proves it first, what only followed from it last. */
function rootFirst(evidence: readonly Evidence[]): Evidence[] {
  const root = evidence.filter(line => line.root !== false);
  return [...root, ...evidence.filter(line => line.root === false)];
}

/** Changes as they stand in a call: memory="16Gi", packages=["xgboost"]. */
export function callText(changes: object): string {
  return Object.entries(changes)
    .map(([name, value]) => `${oneLine(name)}=${oneLine(JSON.stringify(value))}`)
    .join(', ');
}

/** The verdict as plain text, for a message to someone who may help. */
export function verdictText(diagnosis: Diagnosis, { trans }: IPart['services']): string {
  const told = [
    [trans.__('What happened'), said(diagnosis.happened, trans)],
    [trans.__('Why'), said(diagnosis.why, trans)],
    [
      trans.__('What to do'),
      `${said(diagnosis.fix, trans)} ${oneLine(diagnosis.code ?? '')}`.trim()
    ]
  ] as const;
  const parts = told
    .filter(([, text]) => text)
    .map(([name, text]) => trans.__('%1: %2', name, text));
  const lines = rootFirst(diagnosis.evidence ?? []).map(
    line => `  ${said(line.where, trans)}  ${oneLine(line.text)}`
  );
  const proofs = trans.__('%1: %2', trans.__('Evidence'), '').trimEnd();
  return [...parts, ...(lines.length ? [proofs, ...lines] : [])].join('\n');
}
