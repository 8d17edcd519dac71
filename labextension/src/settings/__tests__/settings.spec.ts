import { readFileSync } from 'fs';
import { join } from 'path';

import { Settings } from '../plugin';
import { nullTranslator } from '@jupyterlab/translation';

import { DEFAULTS } from '../values';
import { wordsOf } from '../words';

const schema = JSON.parse(
  readFileSync(join(__dirname, '../../../schema/settings.json'), 'utf8')
) as {
  properties: Record<string, { default: unknown; title: string; description?: string }>;
  description: string;
};

describe('the settings', () => {
  it('have the defaults of the schema', () => {
    const written = Object.fromEntries(
      Object.entries(schema.properties).map(([name, each]) => [name, each.default])
    );
    expect(written).toEqual(DEFAULTS);
  });

  it('say on the page what they say in the schema', () => {
    const written = Object.fromEntries(
      Object.entries(schema.properties).map(([name, { title, description }]) => [
        name,
        description === undefined ? { title } : { title, description }
      ])
    );
    expect(wordsOf(nullTranslator.load('cnai_lab'))).toEqual(written);
  });

  it('are told at once, and when they change', () => {
    const settings = new Settings();
    const told: boolean[] = [];
    settings.follow(values => told.push(values.statusBar));
    settings.set({ ...DEFAULTS, statusBar: false });
    expect(told).toEqual([true, false]);
  });
});
