import { IRenderMimeRegistry, MimeModel } from '@jupyterlab/rendermime';
import { MessageLoop } from '@lumino/messaging';
import { Widget } from '@lumino/widgets';
import * as React from 'react';

import { problemOf } from '../../api';
import { oneLine } from '../../foreign';
import { Problem, Script } from '../../generated/wire';
import { said } from '../../sentences';
import { IPart } from './services';

/** What runs on every worker, read only, and what came with it. */
export function ScriptView({ model, services }: IPart): JSX.Element {
  const { store, trans, rendermime } = services;
  const [script, setScript] = React.useState<Script | null>(null);
  const [problem, setProblem] = React.useState<Problem | null>(null);
  React.useEffect(() => {
    let wanted = true;
    store.script(model.key).then(
      found => wanted && setScript(found),
      error => wanted && setProblem(problemOf(error))
    );
    return () => {
      wanted = false;
    };
  }, [store, model]);
  if (problem) {
    return (
      <p className="cnai-JobNothing" role="alert">
        {said(problem.what, trans)}
      </p>
    );
  }
  if (!script) {
    return <p className="cnai-JobNothing" />;
  }
  const named: [string, readonly string[]][] = [
    [trans.__('Function'), script.entry ? [script.entry] : []],
    [trans.__('Files'), script.files ?? []],
    [trans.__('Data'), (script.data ?? []).map(link => `${link.path} → ${link.source}`)],
    [trans.__('Packages'), script.packages ?? []],
    [trans.__('Variables'), Object.entries(script.env ?? {}).map(([k, v]) => `${k}=${v}`)],
    [trans.__('Secrets'), script.secrets ?? []]
  ];
  return (
    <section className="cnai-JobScript" aria-label={trans.__('Script')}>
      <div className="cnai-Job-section">
        <h3>{trans.__('Script')}</h3>
        <span className="cnai-Job-meta">{trans.__('as it ran on every worker; read only')}</span>
      </div>
      <dl className="cnai-JobPairs">
        {named
          .filter(([, values]) => values.length > 0)
          .map(([name, values]) => (
            <React.Fragment key={name}>
              <dt>{name}</dt>
              <dd className="cnai-Job-code">
                {values.map((value, n) => (
                  <div key={n}>{oneLine(value)}</div>
                ))}
              </dd>
            </React.Fragment>
          ))}
      </dl>
      <Code text={script.text} rendermime={rendermime} />
    </section>
  );
}

/** Python with JupyterLab's highlighting, by the renderer of its Markdown; else as it is. */
function Code(props: { text: string; rendermime: IRenderMimeRegistry | null }): JSX.Element {
  const { text, rendermime } = props;
  const host = React.useRef<HTMLDivElement>(null);
  React.useEffect(() => {
    const mime = 'text/markdown';
    if (!rendermime?.preferredMimeType({ [mime]: '' }, 'any')) {
      return;
    }
    const renderer = rendermime.createRenderer(mime);
    const source = fenced(text);
    const node = host.current!;
    renderer.renderModel(new MimeModel({ data: { [mime]: source } })).then(
      () => {
        if (node.isConnected && !renderer.isDisposed) {
          node.replaceChildren();
          Widget.attach(renderer, node);
        }
      },
      () => renderer.dispose()
    );
    return () => {
      if (renderer.isAttached) {
        MessageLoop.sendMessage(renderer, Widget.Msg.BeforeDetach);
        renderer.node.remove();
      }
      renderer.dispose();
    };
  }, [text, rendermime]);
  return (
    <div ref={host} className="cnai-JobScript-code" tabIndex={0}>
      <pre>{text}</pre>
    </div>
  );
}

/** A Markdown block of code that nothing in the text can end. */
export function fenced(text: string): string {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([ticks]) => ticks.length));
  const fence = '`'.repeat(longest + 1);
  return `${fence}python\n${text}\n${fence}`;
}
