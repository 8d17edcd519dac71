import { TranslationBundle } from '@jupyterlab/translation';

import { Serving, Source } from '../../generated/wire';
import { said } from '../../sentences';
import { IPlace, IStore } from '../../tokens';

/** Where notebooks that start from now on run; the first place until the server has said it. */
export function servingPlace(store: IStore): IPlace | null {
  const serving = store.serving?.source;
  return store.places.find(({ source }) => source.id === serving) ?? store.places[0] ?? null;
}

export function isThisMachine(source: Source): boolean {
  return source.name === 'local' || source.place === 'this machine';
}

/** A place's name in two parts: 'team-a' and 'on gpu-lab'; the second may be ''. */
export function placeParts(source: Source, trans: TranslationBundle): [string, string] {
  if (isThisMachine(source)) {
    return [trans.__('This machine'), ''];
  }
  const named = [source.namespace, source.context].filter(Boolean).join(' on ');
  const [who = '', at = ''] = (source.place || named || source.name).split(' on ');
  return [who, at && trans.__('on %1', at)];
}

export function placeText(source: Source, trans: TranslationBundle): string {
  return placeParts(source, trans).filter(Boolean).join(' ');
}

/** A place for a person, by its id; also of one that is not watched. */
export function choiceText(
  id: string,
  places: readonly IPlace[],
  trans: TranslationBundle
): string {
  const place = places.find(({ source }) => source.id === id);
  if (place) {
    return placeText(place.source, trans);
  }
  return id === 'local' ? trans.__('This machine') : id;
}

/** What chose the backend, in one line. */
export function whyText(serving: Serving, trans: TranslationBundle): string {
  switch (serving.why) {
    case 'default':
      return trans.__('By default: nothing else is chosen');
    case 'configuration file':
      return trans.__('Chosen in the configuration file');
    case 'CNAI_BACKEND':
      return trans.__('Set by the variable %1', 'CNAI_BACKEND');
    default:
      return said(serving.why, trans);
  }
}
