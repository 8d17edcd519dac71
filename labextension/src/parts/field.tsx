import React, { useId } from 'react';

interface IFieldProps {
  readonly label: string;
  readonly value: string;
  readonly wrong?: boolean;
  readonly hint?: string;
  readonly code?: boolean;
  readonly onChange: (value: string) => void;
}

/** A line of text of a form, with its label. */
export function Field(props: IFieldProps): JSX.Element {
  const id = useId();
  return (
    <div className="cnai-TrainForm-field">
      <label htmlFor={id}>{props.label}</label>
      <input
        id={id}
        className={`jp-mod-styled${props.code ? ' cnai-mod-code' : ''}`}
        value={props.value}
        placeholder={props.hint}
        aria-invalid={props.wrong}
        spellCheck={false}
        autoComplete="off"
        onChange={event => props.onChange(event.target.value)}
      />
    </div>
  );
}
