import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { TranslationBundle } from '@jupyterlab/translation';

/** What the settings page says of a setting. */
interface ISaid {
  readonly title: string;
  readonly description?: string;
}

/** The words of schema/settings.json: JupyterLab's server translates those of language packs only. */
export function wordsOf(trans: TranslationBundle): Readonly<Record<string, ISaid>> {
  return {
    notifySuccess: { title: trans.__('Notify when a job succeeds') },
    notifyFailure: { title: trans.__('Notify when a job fails') },
    statusBar: { title: trans.__('Show running jobs in the status bar') },
    restAfterMinutes: {
      title: trans.__('Minutes without input after which the page stops listening'),
      description: trans.__(
        'A hub ends an idle server only when no page listens to it. 0: never. Empty: as the server says (5 minutes).'
      )
    },
    logLines: {
      title: trans.__('Log lines kept'),
      description: trans.__(
        'How many lines of one log its page holds in memory. Lines beyond stay on the server, and come when you scroll to them.'
      )
    }
  };
}

/** The schema in the language of the page. */
export function translated(
  schema: ISettingRegistry.ISchema,
  trans: TranslationBundle
): ISettingRegistry.ISchema {
  const words = wordsOf(trans);
  const properties = Object.fromEntries(
    Object.entries(schema.properties ?? {}).map(([name, each]) => [
      name,
      { ...each, ...words[name] }
    ])
  );
  return { ...schema, description: trans.__('Jobs and quotas beside the notebook.'), properties };
}
