import { MainAreaWidget } from '@jupyterlab/apputils';
import { TranslationBundle } from '@jupyterlab/translation';
import { Widget } from '@lumino/widgets';

import { IKey, keyText } from '../../tokens';

/** Where a page may be asked to open at. */
export interface IPlaceOnPage {
  /** The log, rather than the top. */
  at?: 'logs';
  /** A line of the log. */
  line?: number;
  rank?: number;
}

/** The tab of one job: empty until the code of the page has come. */
export class JobTab extends MainAreaWidget<Widget> {
  constructor(
    readonly key: IKey,
    name: string
  ) {
    super({ content: new Widget() });
    this.id = tabId(key);
    this.addClass('cnai-JobTab');
    this.content.addClass('cnai-JobHost');
    this.title.label = name;
    this.title.closable = true;
  }

  /** Until the page is there, what it was last asked to show. */
  wanted: IPlaceOnPage = {};

  /** The page's own answer to being asked for a place. */
  showPlace: ((place: IPlaceOnPage) => void) | null = null;

  goTo(place: IPlaceOnPage): void {
    this.wanted = place;
    this.showPlace?.(place);
  }

  /** Say in place of the page that its code could not be loaded. */
  fail(trans: TranslationBundle, again: () => void): void {
    const said = document.createElement('p');
    said.className = 'cnai-JobNothing';
    said.textContent = trans.__('The page could not be loaded, since the server did not answer.');
    const button = document.createElement('button');
    button.className = 'jp-mod-styled jp-mod-minimal';
    button.textContent = trans.__('Try again');
    button.onclick = () => {
      this.content.node.replaceChildren();
      again();
    };
    said.append(' ', button);
    this.content.node.replaceChildren(said);
  }
}

export function tabId(key: IKey): string {
  return `cnai-job-${keyText(key)}`;
}
