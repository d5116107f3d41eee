;;; dap-test.el --- dap-mode and the debug adapter  -*- lexical-binding: t -*-

;;; Commentary:

;; A program is launched, stops at a breakpoint, shows its variables, steps and
;; goes on to its end; another one is attached to.

;;; Code:

(require 'support)
(require 'lua-mode)

(setq user-emacs-directory (file-name-as-directory (make-temp-file "perilune-emacs" t)))
(add-hook 'kill-emacs-hook (lambda () (delete-directory user-emacs-directory t)))

(require 'lsp-mode)
(require 'dap-mode)

(setq lsp-session-file (expand-file-name "session" user-emacs-directory)
      dap-breakpoints-file (expand-file-name "breakpoints" user-emacs-directory)
      ;; The user interface needs a display.
      dap-auto-configure-mode nil
      dap-auto-configure-features nil)

;; It expects this variable of the user interface.
(defvar dap-exception-breakpoints nil)

(defconst perilune-test--sum "\
local total = 0
for i = 1, 3 do
  total = total + i
end
print(total)
")

(defun perilune-test--ask-dap (session command arguments)
  "The body of the answer to COMMAND with ARGUMENTS in SESSION."
  (let (answer)
    (dap--send-message (dap--make-request command arguments)
                       (lambda (response) (setq answer response))
                       session)
    (perilune-test-wait command (lambda () answer))
    (should (gethash "success" answer))
    (gethash "body" answer)))

(defun perilune-test--locals (session frame)
  "The names and values of the locals of FRAME in SESSION."
  (let* ((scopes (gethash "scopes" (perilune-test--ask-dap
                                    session "scopes" (list :frameId (gethash "id" frame)))))
         (reference (gethash "variablesReference" (elt scopes 0)))
         (variables (perilune-test--ask-dap
                     session "variables" (list :variablesReference reference))))
    (mapcar (lambda (variable) (cons (gethash "name" variable) (gethash "value" variable)))
            (gethash "variables" variables))))

(defun perilune-test--end-sessions ()
  "End the adapters and forget their sessions."
  (dolist (session (dap--get-sessions))
    (delete-process (dap--debug-session-proc session)))
  (dap--set-sessions nil))

(defmacro perilune-test-with-debugger (&rest body)
  "Evaluate BODY; `stopped' is a session that stopped, `ended' one that ended."
  `(let* ((stopped nil)
          (ended nil)
          (on-stop (lambda (session) (setq stopped session)))
          (on-end (lambda (session) (setq ended session))))
     (add-hook 'dap-stopped-hook on-stop)
     (add-hook 'dap-terminated-hook on-end)
     (unwind-protect (progn ,@body)
       (remove-hook 'dap-stopped-hook on-stop)
       (remove-hook 'dap-terminated-hook on-end)
       (clrhash (dap--get-breakpoints))
       (perilune-test--end-sessions))))

(defun perilune-test--frame-at (session line)
  "Wait until the active frame of SESSION is in LINE and return it."
  (perilune-test-wait
   (format "line %d" line)
   (lambda ()
     (let ((frame (dap--debug-session-active-frame session)))
       (and frame (eql line (gethash "line" frame)) frame)))))

(ert-deftest perilune-dap-mode-launches ()
  (perilune-test-with `(("main.lua" . ,perilune-test--sum))
    (perilune-test-with-debugger
     (goto-char (point-min))
     (forward-line 2)
     (dap-breakpoint-add)
     (dap-debug (copy-sequence
                 (cdr (assoc "Perilune: run this file" dap-debug-template-configurations))))
     (let* ((session (perilune-test-wait "a stop" (lambda () stopped)))
            (frame (perilune-test--frame-at session 3)))
       (should (equal (assoc "i" (perilune-test--locals session frame)) '("i" . "1")))
       (dap-next session)
       (perilune-test--frame-at session 2)
       (dap-breakpoint-delete-all)
       (dap-continue session (dap--debug-session-thread-id session))
       (perilune-test-wait "the end" (lambda () ended))))))

(ert-deftest perilune-dap-mode-attaches ()
  (perilune-test-with `(("main.lua" . ,(concat "while true do\n  local x = 7\n"
                                               "  print(x)\n  io.stdout:flush()\nend\n")))
    (let ((process (perilune-test-start "run" "--live" "main.lua")))
      (unwind-protect
          (perilune-test-with-debugger
           (perilune-test-wait "a session" #'perilune-sessions)
           (goto-char (point-min))
           (forward-line 2)
           (dap-breakpoint-add)
           (dap-debug (copy-sequence
                       (cdr (assoc "Perilune: attach" dap-debug-template-configurations))))
           (let* ((session (perilune-test-wait "a stop" (lambda () stopped)))
                  (frame (perilune-test--frame-at session 3)))
             (should (equal (perilune-test--locals session frame) '(("x" . "7"))))
             (dap-disconnect session)
             (with-current-buffer (process-buffer process) (erase-buffer))
             (perilune-test-wait
              "output" (lambda () (string-match-p "7" (perilune-test-output process))))))
        (perilune-test-end process)))))

(provide 'dap-test)

;;; dap-test.el ends here
