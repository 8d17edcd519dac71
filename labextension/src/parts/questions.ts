/** A question is asked when nothing was typed for so many milliseconds. */
export const PAUSE = 250;
/** And again so many milliseconds after its quota moved: it may move many times a second. */
export const AGAIN = 1_000;

/** When a form asks its place, and which answers are still worth telling. */
export class Questions<Answer> {
  /** What the form is about from now on, until the function that comes back is called. */
  about(what: string): () => void {
    this._about = what;
    return () => void (this._about = '');
  }

  /** Ask after a pause, unless that is due already: what has moved is looked at then. */
  soon(what: string, ask: () => Promise<Answer>, tell: (answer: Answer) => void): void {
    if (this._due === what) {
      return;
    }
    const pause = this._last === what ? AGAIN : PAUSE;
    this._due = this._last = what;
    window.setTimeout(() => {
      if (this._due !== what) {
        return;
      }
      this._due = '';
      if (this._about === what) {
        void this._ask(what, ask, tell);
      }
    }, pause);
  }

  /** While a quota moves on and on it is answered all the same: only another wish takes one back. */
  private async _ask(
    what: string,
    ask: () => Promise<Answer>,
    tell: (answer: Answer) => void
  ): Promise<void> {
    const number = ++this._asked;
    const answer = await ask();
    if (this._about === what && number > this._answered) {
      this._answered = number;
      tell(answer);
    }
  }

  private _about = '';
  private _due = '';
  private _last = '';
  private _asked = 0;
  private _answered = 0;
}
