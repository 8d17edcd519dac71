import { JupyterFrontEnd } from '@jupyterlab/application';
import { IStateDB } from '@jupyterlab/statedb';
import { ITranslator } from '@jupyterlab/translation';
import { ReactWidget, SidePanel } from '@jupyterlab/ui-components';
import { Message } from '@lumino/messaging';
import { AccordionPanel } from '@lumino/widgets';
import React from 'react';

import { cnaiIcon } from '../../icons';
import { Connection, IChanges, IEntry, IStore } from '../../tokens';
import { minuteText, shownName, stateText } from '../../words';
import { JobActions } from './actions';
import { Announcements, Announcer } from './announcer';
import { Border } from './border';
import { Head } from './head';
import { Jobs } from './jobs';
import { PanelModel } from './model';
import { Quota } from './quota';
import { Section, showCount, TitleRenderer } from './sections';
import { fillToolbars } from './toolbars';

/** The gauges get at most this part of the height, and with what was opened below them this part,
 *  until somebody drags the border. */
const MOST_QUOTA = 0.6;
const MOST_OPENED = 0.85;
/** What a border has to move by, as a share of the height, to have been dragged. */
const MOVED = 0.005;
const QUOTA = 0;
const JOBS = 1;

/** Quotas and jobs beside the notebook: one backend on top, then sections that fold. */
export class CnaiPanel extends SidePanel {
  constructor(
    private readonly store: IStore,
    commands: JupyterFrontEnd['commands'],
    translator: ITranslator,
    state: IStateDB | null
  ) {
    super({ translator, renderer: new TitleRenderer() });
    const trans = (this.words = translator.load('cnai_lab'));
    this.id = 'cnai-side-panel';
    this.addClass('cnai-Panel');
    this.title.icon = cnaiIcon;
    this.title.caption = trans.__('Quotas and jobs');
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', trans.__('Quotas and jobs'));
    this.node.lang = translator.languageCode.replace('_', '-');
    const { model, announcer } = this;
    const actions = new JobActions(commands, store, model, trans);
    this.header.addWidget(
      ReactWidget.create(
        <>
          <Head store={store} trans={trans} />
          <Announcements announcer={announcer} />
        </>
      )
    );
    const quota = new Section(
      'cnai-quota',
      trans.__('Quota'),
      <Quota store={store} model={model} trans={trans} />
    );
    const jobs = new Section(
      'cnai-jobs',
      trans.__('Jobs'),
      <Jobs {...{ store, model, actions, announcer, trans }} />
    );
    fillToolbars({ quota, jobs, model, commands, trans });
    [quota, jobs].forEach(section => this.addWidget(section));
    this.border = new Border(state, () => this._fitQuota());
    this.accordion.handleMoved.connect(this._onDragged);
    store.changed.connect(this._onChanged);
    store.ended.connect(this._onEnded);
    model.changed.connect(this._showCounts);
  }

  override dispose(): void {
    if (!this.isDisposed) {
      this._sizes?.disconnect();
      this.store.changed.disconnect(this._onChanged);
      this.store.ended.disconnect(this._onEnded);
      this.announcer.dispose();
      super.dispose();
    }
  }

  protected override onAfterAttach(msg: Message): void {
    super.onAfterAttach(msg);
    this._showCounts();
    if (typeof ResizeObserver !== 'undefined') {
      this._sizes = new ResizeObserver(() => this._fitQuota());
      this._sizes.observe(this.node);
      this._mutations.observe(this.accordion.widgets[QUOTA]!.node, { childList: true });
      this._fitQuota();
    }
  }

  protected override onBeforeDetach(msg: Message): void {
    this._sizes?.disconnect();
    this._mutations.disconnect();
    super.onBeforeDetach(msg);
  }

  private get accordion(): AccordionPanel {
    return this.content as AccordionPanel;
  }

  private readonly _onChanged = (_: IStore, changes: IChanges): void => {
    if (changes.connection) {
      this._onConnection(this.store.connection);
    }
    this._showCounts();
  };

  private readonly _onEnded = (_: IStore, entry: IEntry): void => {
    const name = shownName(entry.row.workload);
    const state = stateText(entry.row, this.store.now(), this.words);
    this.announcer.say(this.words.__('%1: %2.', name, state));
  };

  private _onConnection(connection: Connection): void {
    const before = this._connection;
    this._connection = connection;
    this.toggleClass('cnai-mod-still', connection === 'stale' || connection === 'gone');
    if (connection === 'stale' && before !== 'gone') {
      this.announcer.say(this.words.__('Reconnecting.'));
    }
    if (connection === 'live' && (before === 'stale' || before === 'gone')) {
      this.announcer.say(this.words.__('Connected again.'));
    }
    this._fold(connection === 'gone');
  }

  /** While the server is gone, its verdict has the panel; afterwards all is as it was. */
  private _fold(gone: boolean): void {
    if (gone === this._folded) {
      return;
    }
    this._folded = gone;
    [QUOTA, JOBS].forEach(index => {
      const section = this.accordion.widgets[index];
      if (gone && section && !section.isHidden) {
        this._unfold.push(index);
        this.accordion.collapse(index);
      }
    });
    if (!gone) {
      this._unfold.splice(0).forEach(index => this.accordion.expand(index));
    }
  }

  private readonly _showCounts = (): void => {
    const { store, words } = this;
    const total = store.entries.length;
    const { matching, query } = this.model.state;
    const narrowed = query.text || query.phase || query.source || query.behind;
    let text = total ? String(total) : '';
    if (this._folded) {
      text = words.__('%1, as of %2', String(total), minuteText(store.asOf));
    } else if (narrowed && total) {
      text = words.__('%1 of %2', String(matching), String(total));
    }
    showCount(this.accordion.titles[JOBS], text);
  };

  /** A press of the handle that moved nothing leaves the border to the gauges. */
  private readonly _onDragged = (): void => {
    const [share] = this.accordion.relativeSizes();
    if (share !== undefined && Math.abs(share - this._fitted) > MOVED) {
      this.border.draw(share);
    }
  };

  /** The gauges take what they need, and the jobs have the rest; a border that was dragged stays. */
  private _fitQuota(): void {
    const { accordion } = this;
    const [quota, jobs] = [accordion.widgets[QUOTA], accordion.widgets[JOBS]];
    const gauges = quota?.node.firstElementChild;
    const space = accordion.node.clientHeight - 2 * accordion.titleSpace;
    if (gauges) {
      this._sizes?.observe(gauges);
    }
    if (!gauges || space <= 0 || quota.isHidden || jobs?.isHidden) {
      return;
    }
    const { whatIf, holders } = this.model.state;
    const most = whatIf || holders ? MOST_OPENED : MOST_QUOTA;
    this._fitted = this.border.share ?? Math.min(gauges.scrollHeight / space, most);
    accordion.setRelativeSizes([this._fitted, 1 - this._fitted]);
  }

  private readonly words;
  private readonly model = new PanelModel();
  private readonly announcer = new Announcer();
  private readonly _mutations = new MutationObserver(() => this._fitQuota());
  private _sizes: ResizeObserver | null = null;
  private readonly border: Border;
  private _fitted = 0;
  private _folded = false;
  private readonly _unfold: number[] = [];
  private _connection: Connection = 'connecting';
}
