import { nullTranslator } from '@jupyterlab/translation';
import { CommandRegistry } from '@lumino/commands';
import { act, fireEvent, render, screen } from '@testing-library/react';
import React from 'react';

import { FakeStore } from '../../../__tests__/fakes';
import { Commands } from '../../../tokens';
import { JobActions } from '../actions';
import { Announcer } from '../announcer';
import { Jobs } from '../jobs';
import { PanelModel } from '../model';

export const trans = nullTranslator.load('cnai_lab');

const WINDOW = 440;

/** jsdom lays nothing out: every element is as high as ten rows. */
export function layOut(): void {
  for (const side of ['clientHeight', 'clientWidth']) {
    Object.defineProperty(HTMLElement.prototype, side, { configurable: true, get: () => WINDOW });
  }
  Element.prototype.scrollTo = function (this: Element, to?: ScrollToOptions | number) {
    this.scrollTop = typeof to === 'object' ? (to.top ?? 0) : 0;
  };
}

/** Commands that keep what they are called with. */
export function recorded(): { commands: CommandRegistry; called: jest.Mock } {
  const commands = new CommandRegistry();
  const called = jest.fn();
  for (const id of Object.values(Commands)) {
    commands.addCommand(id, {
      label: id,
      execute: args => called(id, args) as unknown
    });
  }
  return { commands, called };
}

interface IMounted {
  readonly container: HTMLElement;
  readonly model: PanelModel;
  readonly announcer: Announcer;
  readonly called: jest.Mock;
}

/** The section of jobs over a store, as the panel mounts it, and what is mounted with it. */
export function mountJobs(store: FakeStore, beside?: React.ReactNode): IMounted {
  const { commands, called } = recorded();
  const model = new PanelModel();
  const announcer = new Announcer();
  const actions = new JobActions(commands, store, model, trans);
  const { container } = render(
    <>
      <Jobs {...{ store, model, actions, announcer, trans }} />
      {beside}
    </>
  );
  return { container, model, announcer, called };
}

export function names(): (string | null)[] {
  return [...document.querySelectorAll('.cnai-JobRow-name')].map(cell => cell.textContent);
}

export function rowOf(name: string): HTMLElement {
  const cell = [...document.querySelectorAll('.cnai-JobRow-name')].find(
    each => each.textContent === name
  );
  return cell!.closest<HTMLElement>('[role="row"]')!;
}

export function press(key: string, held: object = {}): void {
  fireEvent.keyDown(document.activeElement!, { key, ...held });
}

/** A click, and all that it begins. */
export async function click(element: HTMLElement): Promise<void> {
  await act(() => {
    fireEvent.click(element);
    return Promise.resolve();
  });
}

export function focusRow(name: string): void {
  act(() => rowOf(name).focus());
}

export function typeFilter(text: string): void {
  fireEvent.change(screen.getByRole('textbox', { name: 'Filter jobs' }), {
    target: { value: text }
  });
}
