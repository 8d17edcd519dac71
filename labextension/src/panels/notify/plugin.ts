import { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Notification } from '@jupyterlab/apputils';
import { ITranslator, nullTranslator, TranslationBundle } from '@jupyterlab/translation';

import { ISettings } from '../../settings/tokens';
import { DEFAULTS } from '../../settings/values';
import { Commands, IEntry, IStore } from '../../tokens';
import { shownName, stateText } from '../../words';
import { Announcer, TOGETHER } from './announcer';

const SUCCESS_STAYS = 8_000;

/** Says once that a job has ended; never that one has started. */
export const notifyPlugin: JupyterFrontEndPlugin<void> = {
  id: 'cnai-lab:notify',
  description: 'Notifies when a job ends or fails.',
  autoStart: true,
  requires: [IStore],
  optional: [ITranslator, ISettings],
  activate: (
    app: JupyterFrontEnd,
    store: IStore,
    translator: ITranslator | null,
    settings: ISettings | null
  ) => {
    const trans = (translator ?? nullTranslator).load('cnai_lab');
    let values = DEFAULTS;
    settings?.follow(now => (values = now));
    const announcer = new Announcer(entries => tell(app, store, entries, trans));
    store.ended.connect((_, entry) => {
      const { phase } = entry.row.workload;
      const wanted =
        (phase === 'Succeeded' && values.notifySuccess) ||
        (phase === 'Failed' && values.notifyFailure);
      if (wanted) {
        announcer.add(entry, TOGETHER);
      }
    });
  }
};

function tell(
  app: JupyterFrontEnd,
  store: IStore,
  entries: readonly IEntry[],
  trans: TranslationBundle
): void {
  const now = entries.map(entry => store.find(entry) ?? entry);
  const [only] = now;
  if (now.length === 1 && only) {
    const { source, id, row } = only;
    show(
      trans.__('%1: %2', shownName(row.workload), stateText(row, store.now(), trans)),
      row.workload.phase === 'Failed',
      trans.__('Open'),
      () => void app.commands.execute(Commands.open, { source, id })
    );
    return;
  }
  const failed = now.filter(({ row }) => row.workload.phase === 'Failed');
  const text = severalText(failed, now.length - failed.length, trans);
  show(text, failed.length > 0, trans.__('Show'), () => {
    void app.commands.execute(Commands.showPanel);
  });
}

function severalText(those: readonly IEntry[], done: number, trans: TranslationBundle): string {
  const failed = those.length;
  if (failed === 1 && done) {
    return trans.__('%1 failed, %2 succeeded', shownName(those[0]!.row.workload), done);
  }
  if (failed && done) {
    return trans.__('%1 jobs failed, %2 succeeded', failed, done);
  }
  return failed
    ? trans._n('%1 job failed', '%1 jobs failed', failed)
    : trans._n('%1 job succeeded', '%1 jobs succeeded', done);
}

function show(message: string, failed: boolean, label: string, callback: () => void): void {
  const options = { actions: [{ label, callback }] };
  if (failed) {
    Notification.error(message, { ...options, autoClose: false });
  } else {
    Notification.success(message, { ...options, autoClose: SUCCESS_STAYS });
  }
}
