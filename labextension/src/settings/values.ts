/** What a person may set; the names are those of schema/settings.json. */
export interface IValues {
  readonly notifySuccess: boolean;
  readonly notifyFailure: boolean;
  readonly statusBar: boolean;
  /** Minutes without input after which the page rests; null: as the server says. */
  readonly restAfterMinutes: number | null;
  /** Lines of one log that its page holds in memory. */
  readonly logLines: number;
}

/** Where JupyterLab has no settings. */
export const DEFAULTS: IValues = {
  notifySuccess: true,
  notifyFailure: true,
  statusBar: true,
  restAfterMinutes: null,
  logLines: 20_000
};
