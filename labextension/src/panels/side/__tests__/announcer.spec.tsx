import { act, render, screen } from '@testing-library/react';
import React from 'react';

import { Announcements, Announcer } from '../announcer';

describe('what screen readers are told', () => {
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());

  const wait = (time: number) => act(() => jest.advanceTimersByTime(time));

  test('is at most one message in five seconds, of all that came', () => {
    const announcer = new Announcer();
    render(<Announcements announcer={announcer} />);
    announcer.say('a: Succeeded.');
    wait(0);
    expect(screen.getByRole('status').textContent).toBe('a: Succeeded.');
    announcer.say('b: Failed.');
    announcer.say('c: Stopped.');
    announcer.say('c: Stopped.');
    wait(4900);
    expect(screen.getByRole('status').textContent).toBe('a: Succeeded.');
    wait(200);
    expect(screen.getByRole('status').textContent).toBe('b: Failed. c: Stopped.');
  });

  test('ends with the panel', () => {
    const announcer = new Announcer();
    const heard = jest.fn();
    announcer.said.connect(heard);
    announcer.say('late');
    announcer.dispose();
    wait(10000);
    expect(heard).not.toHaveBeenCalled();
  });
});
