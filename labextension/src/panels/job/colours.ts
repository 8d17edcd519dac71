import * as React from 'react';

/** What the current theme says of a variable, such as '--jp-brand-color1'. */
export function themed(variable: string): string {
  return getComputedStyle(document.body).getPropertyValue(variable).trim() || 'currentColor';
}

/** A number that changes once another theme is in force. */
export function useTheme(): number {
  const [version, next] = React.useReducer((before: number) => before + 1, 0);
  React.useEffect(() => {
    const observer = new MutationObserver(() => next());
    observer.observe(document.body, {
      attributes: true,
      attributeFilter: ['data-jp-theme-name', 'data-jp-theme-light']
    });
    return () => observer.disconnect();
  }, []);
  return version;
}
