import { IRenderMimeRegistry, renderText } from '@jupyterlab/rendermime';
import { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import { LogLine } from '../../generated/wire';
import { LogRow } from './logbook';
import { occurrences, shown } from './screen';

/** What a line is to the verdict: its root, only a consequence, or nothing. */
export type Proof = 'root' | 'consequence' | undefined;

export interface ILineView {
  readonly row: LogRow;
  readonly proof: Proof;
  /** Whether the search, or a link, has brought the person here. */
  readonly current: boolean;
  readonly sought: string;
  readonly rendermime: IRenderMimeRegistry | null;
  readonly trans: TranslationBundle;
}

/** One row of the log: a number, the worker and what it printed. */
export const LineView = React.memo(function LineView(props: ILineView): JSX.Element {
  const { row, proof, current, trans } = props;
  if (row.kind === 'lost') {
    return (
      <div className="cnai-JobLog-lost">
        {trans._n(
          '%1 line before this one is not kept',
          '%1 lines before this one are not kept',
          row.count
        )}
      </div>
    );
  }
  const { line } = row;
  const classes = ['cnai-JobLog-line', proof && `cnai-mod-${proof}`, current && 'cnai-mod-current'];
  return (
    <div className={classes.filter(Boolean).join(' ')} aria-current={current || undefined}>
      <span className="cnai-JobLog-number">
        {line.partial ? '' : (line.number ?? 0).toLocaleString('en-US')}
      </span>
      <span className="cnai-JobLog-rank">{line.rank ?? 0}</span>
      <LineText {...props} line={line} />
    </div>
  );
});

function LineText(props: ILineView & { line: LogLine }): JSX.Element {
  const { line, sought, rendermime } = props;
  const visible = React.useMemo(() => shown(line.text), [line.text]);
  if (visible.coloured !== null && rendermime) {
    return <Coloured source={visible.coloured} {...{ sought, rendermime }} />;
  }
  return <span className="cnai-JobLog-text">{marked(visible.plain, sought)}</span>;
}

/** A text with what was sought in it marked. */
function marked(text: string, sought: string): React.ReactNode {
  const found = occurrences(text, sought);
  if (found.length === 0) {
    return text;
  }
  const pieces: React.ReactNode[] = [];
  let at = 0;
  for (const [from, to] of found) {
    pieces.push(text.slice(at, from), <mark key={from}>{text.slice(from, to)}</mark>);
    at = to;
  }
  return [...pieces, text.slice(at)];
}

/** A text with colours, by JupyterLab's own renderer, which sanitises it. */
function Coloured(props: {
  source: string;
  sought: string;
  rendermime: IRenderMimeRegistry;
}): JSX.Element {
  const { source, sought, rendermime } = props;
  const host = React.useRef<HTMLSpanElement>(null);
  React.useLayoutEffect(() => {
    const node = host.current!;
    node.replaceChildren();
    void renderText({ host: node, sanitizer: rendermime.sanitizer, source });
    markWithin(node, sought);
  }, [source, sought, rendermime]);
  return <span ref={host} className="cnai-JobLog-text jp-RenderedText" />;
}

function markWithin(node: HTMLElement, sought: string): void {
  const walker = document.createTreeWalker(node, NodeFilter.SHOW_TEXT);
  const texts: Text[] = [];
  while (walker.nextNode()) {
    texts.push(walker.currentNode as Text);
  }
  for (const text of texts) {
    for (const [from, to] of occurrences(text.data, sought).reverse()) {
      const found = text.splitText(from);
      found.splitText(to - from);
      const mark = document.createElement('mark');
      found.replaceWith(mark);
      mark.append(found);
    }
  }
}
