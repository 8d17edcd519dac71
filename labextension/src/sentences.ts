import { ServerConnection } from '@jupyterlab/services';
import { ITranslator, TranslationBundle } from '@jupyterlab/translation';

import { request } from './api';
import { oneLine } from './foreign';
import { Problem, Sentences } from './generated/wire';
import { joined, Phrasebook } from './phrasebook';

/** By the words of the page in the same language; English has none. */
const books = new WeakMap<TranslationBundle, Phrasebook>();
const locales = new WeakMap<TranslationBundle, string>();

/**
 * What the SDK says, on one line and in the page's language.
 *
 * The SDK says everything in English; what is in no catalogue stays as it is. Names, code, lines of
 * logs and what a cluster said itself are no sentences of the SDK, and do not come here.
 */
export function said(text: string | null | undefined, trans: TranslationBundle): string {
  const line = oneLine(text ?? '');
  return books.get(trans)?.translate(line) ?? line;
}

/** Several sentences as one text. */
export function saidTogether(
  texts: readonly (string | null | undefined)[],
  trans: TranslationBundle
): string {
  const parts = texts.map(text => said(text, trans)).filter(Boolean);
  return books.has(trans) ? joined(parts) : parts.join(' ');
}

/** A problem in one line: what happened, why, and what to do. */
export function problemText({ what, why, next_step }: Problem, trans: TranslationBundle): string {
  return saidTogether([what, why, next_step], trans);
}

/** The language of dates; undefined leaves it to the browser. */
export function localeOf(trans: TranslationBundle): string | undefined {
  return locales.get(trans);
}

/** Say what the SDK says by these templates from now on. */
export function learn({ locale, sentences }: Sentences, trans: TranslationBundle): void {
  if (sentences && Object.keys(sentences).length) {
    books.set(trans, new Phrasebook(sentences));
    locales.set(trans, locale.replace('_', '-'));
  }
}

/** Ask the server once for the sentences of the page's language; without an answer they stay
 *  English until the page is loaded again. */
export async function learnFrom(
  settings: ServerConnection.ISettings,
  translator: ITranslator,
  trans: TranslationBundle
): Promise<void> {
  const locale = translator.languageCode;
  if (/^en\b|^en_/.test(locale)) {
    return;
  }
  try {
    const path = `sentences?locale=${encodeURIComponent(locale)}&no_track_activity=1`;
    // Kept by the browser, which asks whether they still hold.
    learn(await request<Sentences>(path, settings, { cache: 'no-cache' }), trans);
  } catch {
    // The handshake and the stream say what is wrong with the server.
  }
}
