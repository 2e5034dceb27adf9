import type { ComponentChildren } from 'preact'
import { useEffect, useId, useRef } from 'preact/hooks'

/**
 * A modal dialog: the browser's own, which keeps the focus inside and gives it back. `onClose` is
 * asked when it is left by Escape or its button; without one (`isRequired`) it cannot be left.
 */
export function Dialog({
  title,
  onClose,
  isRequired = false,
  children,
}: {
  readonly title: string
  readonly onClose?: () => void
  readonly isRequired?: boolean
  readonly children: ComponentChildren
}) {
  const ref = useRef<HTMLDialogElement>(null)
  const titleId = useId()
  useEffect(() => ref.current?.showModal(), [])
  return (
    <dialog
      ref={ref}
      aria-labelledby={titleId}
      onCancel={(event) => {
        event.preventDefault()
        if (!isRequired) onClose?.()
      }}
    >
      <header>
        <h2 id={titleId}>{title}</h2>
        {!isRequired && (
          <button type="button" class="quiet icon" aria-label="Close" onClick={onClose}>
            ×
          </button>
        )}
      </header>
      {children}
    </dialog>
  )
}

/** Asks before something that cannot be undone, and shows there what went wrong. */
export function Confirm({
  title,
  action,
  isBusy,
  onConfirm,
  onClose,
  children,
}: {
  readonly title: string
  /** What the button says, and does. */
  readonly action: string
  readonly isBusy?: boolean
  readonly onConfirm: () => void
  readonly onClose: () => void
  readonly children: ComponentChildren
}) {
  return (
    <Dialog title={title} onClose={onClose}>
      <div class="stack">{children}</div>
      <footer>
        <button type="button" onClick={onClose}>
          Cancel
        </button>
        <button type="button" class="danger" disabled={isBusy} onClick={onConfirm}>
          {action}
        </button>
      </footer>
    </Dialog>
  )
}
