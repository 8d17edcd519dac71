import { IStateDB } from '@jupyterlab/statedb';

const KEY = 'cnai-lab:side-panel';

/** The share of the height that the gauges have: as drawn by a person, and kept with the workspace. */
export class Border {
  /**
   * @param state - where the application keeps its layout; null where it keeps none
   * @param restored - told when a share that was kept is known
   */
  constructor(
    private readonly state: IStateDB | null,
    restored: () => void
  ) {
    void state?.fetch(KEY).then(kept => {
      const share = (kept as { quota?: unknown } | undefined)?.quota;
      if (this._share === null && typeof share === 'number' && share >= 0 && share <= 1) {
        this._share = share;
        restored();
      }
    });
  }

  /** null: nobody has drawn it. */
  get share(): number | null {
    return this._share;
  }

  draw(share: number): void {
    this._share = share;
    void this.state?.save(KEY, { quota: share });
  }

  private _share: number | null = null;
}
