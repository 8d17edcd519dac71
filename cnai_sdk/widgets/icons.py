"""The outline of each phase: shape first, word second, colour third."""

from __future__ import annotations

from html import escape

from cnai_sdk.model.phase import Phase

_RING = '<circle cx="8" cy="8" r="6.25"/>'
_DASHED = '<circle cx="8" cy="8" r="6.25" stroke-dasharray="2 2.91"/>'
_SHAPES = {
    Phase.QUEUED: _RING + '<path d="M8 4.75V8l2.25 1.75"/>',
    Phase.STARTING: '<circle class="cnai-turn" cx="8" cy="8" r="6.25" stroke-dasharray="2 2.91"/>'
    '<circle class="cnai-fill" cx="8" cy="8" r="2"/>',
    Phase.SUCCEEDED: _RING + '<path d="M5.25 8.25l2 2 3.5-4.25"/>',
    Phase.FAILED: '<path class="cnai-fill" '
    'd="M5.3 1.25h5.4l4.05 4.05v5.4l-4.05 4.05H5.3L1.25 10.7V5.3z"/>'
    '<path class="cnai-cross" d="M5.75 5.75l4.5 4.5M10.25 5.75l-4.5 4.5"/>',
    Phase.STOPPED: _RING + '<path class="cnai-fill" d="M5.75 5.75h4.5v4.5h-4.5z"/>',
    Phase.READY: '<circle class="cnai-fill" cx="8" cy="8" r="2"/>'
    '<path d="M5.1 11.1a4.4 4.4 0 0 1 0-6.2M10.9 4.9a4.4 4.4 0 0 1 0 6.2'
    'M2.9 13.3a7.5 7.5 0 0 1 0-10.6M13.1 2.7a7.5 7.5 0 0 1 0 10.6"/>',
}
_UNKNOWN = _DASHED + '<path d="M6.35 6.3a1.7 1.7 0 1 1 2.5 1.5c-.55.3-.85.65-.85 1.2M8 11.1v.1"/>'


def phase_icon(phase: Phase, fraction: float | None = None) -> str:
    """An SVG of the phase, 16 × 16, labelled with its word.

    Args:
        fraction: how far a running job is, from 0 to 1; None turns a quarter of the ring.

    >>> 'aria-label="Failed"' in phase_icon(Phase.FAILED)
    True
    """
    shape = _running(fraction) if phase is Phase.RUNNING else _SHAPES.get(phase, _UNKNOWN)
    word = phase.label if phase.known else f"unknown: {phase.value}"
    return (
        f'<svg class="cnai-icon cnai-is-{phase.label.lower()}" viewBox="0 0 16 16" width="16" '
        f'height="16" fill="none" stroke="currentColor" stroke-width="1.5" '
        f'stroke-linecap="round" stroke-linejoin="round" role="img" '
        f'aria-label="{escape(word)}">{shape}</svg>'
    )


def _running(fraction: float | None) -> str:
    done = 25 if fraction is None else round(100 * fraction)
    turning = ' class="cnai-turn"' if fraction is None else ""
    arc = (
        f'<circle cx="8" cy="8" r="6.25" pathLength="100" stroke-dasharray="{done} 100" '
        f'stroke-linecap="butt" transform="rotate(-90 8 8)"/>'
        if done
        else ""
    )
    return (
        f'<circle class="cnai-track" cx="8" cy="8" r="6.25"/><g{turning}>{arc}</g>'
        '<path class="cnai-fill" d="M6.5 5.2v5.6L11 8z"/>'
    )
