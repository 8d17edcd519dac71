import { AccordionToolbar, ReactWidget, Toolbar } from '@jupyterlab/ui-components';
import { Title, Widget } from '@lumino/widgets';
import React from 'react';

const COUNT = 'cnai-SectionCount';

/** A part of the panel that folds, with tools in its title. */
export class Section extends ReactWidget implements Toolbar.IWidgetToolbar {
  readonly toolbar = new Toolbar();

  constructor(
    id: string,
    label: string,
    private readonly content: React.ReactElement
  ) {
    super();
    this.id = id;
    this.title.label = label;
    this.addClass('cnai-Section');
  }

  protected override render(): React.ReactElement {
    return this.content;
  }
}

/** Section titles with room for a number behind the name. */
export class TitleRenderer extends AccordionToolbar.Renderer {
  override createSectionTitle(data: Title<Widget>): HTMLElement {
    const title = super.createSectionTitle(data);
    const count = document.createElement('span');
    count.className = COUNT;
    title.append(count);
    return title;
  }
}

/** Write the number behind a section's name; the title's element stays, and so does its focus. */
export function showCount(title: HTMLElement | undefined, text: string): void {
  const count = title?.querySelector(`.${COUNT}`);
  if (count && count.textContent !== text) {
    count.textContent = text;
  }
}
