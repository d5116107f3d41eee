;;; perilune.el --- Live programming for Lua  -*- lexical-binding: t -*-

;; Copyright (C) the authors of Perilune
;; SPDX-License-Identifier: MIT OR Apache-2.0

;; Version: 0.1.0
;; Package-Requires: ((emacs "28.1"))
;; Keywords: languages, tools

;;; Commentary:

;; Perilune is a live programming system for Lua 5.4: a program is edited,
;; debugged and redefined while it runs.  This package connects Emacs to it.
;;
;;   (require 'perilune)
;;   (perilune-setup)
;;
;; visits Lua files with `perilune-minor-mode' in `lua-mode', or in
;; `perilune-lua-mode' where no other mode for Lua is installed.
;;
;; Editing: Eglot is told about `perilune lsp'; M-x eglot connects.
;;
;; Redefinition: C-M-x gives the running program the function at point as it
;; stands in the buffer; C-c C-k does so for all functions of the file that
;; changed.  A program can be redefined when it was started by the debugger,
;; or by `perilune run --live FILE'.
;;
;; Talking: C-c C-z opens the REPL; with a prefix argument, inside a program
;; that runs.
;;
;; Debugging: dape and dap-mode are told about `perilune dap', to launch the
;; file of the buffer and to attach to a program that runs.

;;; Code:

(require 'comint)
(require 'perilune-lua-mode)
(require 'seq)
(require 'subr-x)

(defvar eglot-server-programs)
(defvar dape-configs)
(declare-function eglot-current-server "eglot" ())
(declare-function eglot--TextDocumentIdentifier "eglot" ())
(declare-function eglot--pos-to-lsp-position "eglot" (&optional pos))
(declare-function eglot--signal-textDocument/didChange "eglot" ())
(declare-function jsonrpc-async-request "jsonrpc" (connection method params &rest args))
(declare-function dap-register-debug-provider "dap-mode" (language-id provide-configuration-fn))
(declare-function dap-register-debug-template "dap-mode" (configuration-name configuration-settings))

(defgroup perilune nil
  "Live programming for Lua."
  :group 'languages
  :prefix "perilune-")

(defcustom perilune-program "perilune"
  "The program `perilune', by its name or its path."
  :type 'string
  :risky t)

(defcustom perilune-request-timeout 10
  "Seconds in which the language server should redefine functions."
  :type 'natnum)

(defconst perilune--modes '(lua-mode lua-ts-mode perilune-lua-mode)
  "Major modes of Lua files.")

;;; The language server

(defun perilune-server-contact (&rest _)
  "The command of the language server, for Eglot."
  (list perilune-program "lsp"))

(with-eval-after-load 'eglot
  (add-to-list 'eglot-server-programs (cons perilune--modes #'perilune-server-contact)))

(defun perilune--server ()
  "The language server of the buffer."
  (or (and (fboundp 'eglot-current-server) (eglot-current-server))
      (user-error "No language server runs here; M-x eglot starts it")))

(defun perilune--place ()
  "The document and the place of point, as the language server wants them."
  (list :uri (plist-get (eglot--TextDocumentIdentifier) :uri)
        :position (eglot--pos-to-lsp-position)))

;;; Redefinition

(defun perilune--redefine (command)
  "Redefine by COMMAND of the language server; tell what comes of it."
  (let ((server (perilune--server)))
    (eglot--signal-textDocument/didChange)
    (jsonrpc-async-request
     server :workspace/executeCommand
     (list :command command :arguments (vector (perilune--place)))
     :success-fn (lambda (outcome) (message "%s" (perilune--summary outcome)))
     :error-fn (lambda (failure) (message "Not redefined: %s" (plist-get failure :message)))
     :timeout perilune-request-timeout
     :timeout-fn (lambda () (message "Not redefined: the language server does not answer")))))

(defun perilune--summary (outcome)
  "The OUTCOME of a redefinition, a property list, in one line."
  (let ((functions (append (plist-get outcome :functions) nil))
        (refusals (append (plist-get outcome :refused) nil)))
    (cond (refusals
           (concat "Not redefined: " (mapconcat #'perilune--refusal refusals "; ")))
          ((plist-get outcome :failed)
           (concat "Not redefined: " (plist-get outcome :failed)))
          (t
           (concat (if functions
                       (concat "Redefined " (mapconcat #'perilune--redefined functions ", "))
                     "Nothing to redefine")
                   (perilune--names "; new: " (plist-get outcome :added))
                   (perilune--names "; no longer in the file: " (plist-get outcome :removed)))))))

(defun perilune--redefined (function)
  "The name of a replaced FUNCTION, and how many frames have its old code."
  (let ((running (or (plist-get function :running) 0)))
    (concat (plist-get function :name)
            (if (> running 0) (format " (%d in the old code)" running) ""))))

(defun perilune--refusal (refusal)
  "The reason of a REFUSAL, and the line where it is."
  (let ((line (plist-get (plist-get (plist-get refusal :range) :start) :line)))
    (format "%s (line %d)" (plist-get refusal :message) (1+ line))))

(defun perilune--names (title names)
  "TITLE and NAMES, a vector; the empty string without names."
  (if (seq-empty-p names) "" (concat title (mapconcat #'identity names ", "))))

;;;###autoload
(defun perilune-redefine-function ()
  "Give the running program the function at point as it stands in the buffer."
  (interactive)
  (perilune--redefine "perilune.redefine"))

;;;###autoload
(defun perilune-redefine-changed ()
  "Give the running program all functions of the file that changed."
  (interactive)
  (perilune--redefine "perilune.redefineFile"))

;;; Running programs

(defun perilune-sessions ()
  "The running programs that can be attached to, as property lists."
  (with-temp-buffer
    (let ((status (call-process perilune-program nil '(t nil) nil "sessions" "--format=json")))
      (unless (eql status 0)
        (user-error "%s sessions ended with %s" perilune-program status)))
    (goto-char (point-min))
    (append (json-parse-buffer :object-type 'plist :null-object nil :false-object nil) nil)))

(defun perilune--session-label (session)
  "How SESSION is offered to the person."
  (format "%d %s" (plist-get session :pid) (plist-get session :program)))

(defun perilune-read-session ()
  "Let the person choose a running program; return its process id."
  (let* ((sessions (or (perilune-sessions)
                       (user-error "No program runs that can be attached to")))
         (choices (mapcar (lambda (session)
                            (cons (perilune--session-label session) (plist-get session :pid)))
                          sessions))
         (chosen (if (cdr choices)
                     (completing-read "Program: " choices nil t)
                   (caar choices))))
    (cdr (assoc chosen choices))))

;;; The REPL

(define-derived-mode perilune-repl-mode comint-mode "Perilune REPL"
  "Major mode of a prompt for Lua."
  :syntax-table perilune-lua-mode-syntax-table
  (setq-local comint-prompt-regexp "^>>? ")
  (setq-local comint-prompt-read-only t)
  (setq-local comment-start "-- ")
  (setq-local syntax-propertize-function #'perilune-lua--syntax-propertize))

;;;###autoload
(defun perilune-repl (attach)
  "Show the REPL, which is started if need be.
With a prefix argument ATTACH, open it in a program that runs."
  (interactive "P")
  (let* ((pid (and attach (perilune-read-session)))
         (name (if pid (format "*perilune %d*" pid) "*perilune*"))
         (arguments (if pid (list "repl" "--attach" (number-to-string pid)) '("repl")))
         (buffer (get-buffer-create name)))
    (unless (comint-check-proc buffer)
      (apply #'make-comint-in-buffer "perilune" buffer perilune-program nil arguments)
      (with-current-buffer buffer (perilune-repl-mode)))
    (pop-to-buffer buffer)))

;;; Debuggers

(defun perilune--file ()
  "The file of the buffer."
  (or buffer-file-name (user-error "This buffer visits no file")))

(defun perilune--program ()
  "The debug adapter, as dape asks for it."
  perilune-program)

(with-eval-after-load 'dape
  (let ((adapter `(modes ,perilune--modes command perilune--program command-args ("dap"))))
    (add-to-list 'dape-configs
                 `(perilune ,@adapter :type "perilune" :request "launch"
                            :program perilune--file :args [] :stopOnEntry nil))
    (add-to-list 'dape-configs
                 `(perilune-attach ,@adapter :type "perilune" :request "attach"
                                   :processId perilune-read-session))))

(defun perilune--dap-configuration (configuration)
  "Complete CONFIGURATION, a property list, for `dap-mode'."
  (let ((adapter (list :dap-server-path (list perilune-program "dap")))
        (target (cond ((equal (plist-get configuration :request) "attach")
                       (unless (plist-get configuration :processId)
                         (list :processId (perilune-read-session))))
                      ((not (plist-get configuration :program))
                       (list :program (perilune--file))))))
    (append adapter target
            (and (not (plist-get configuration :cwd)) (list :cwd (expand-file-name default-directory)))
            configuration)))

(with-eval-after-load 'dap-mode
  (dap-register-debug-provider "perilune" #'perilune--dap-configuration)
  (dap-register-debug-template
   "Perilune: run this file" '(:type "perilune" :request "launch" :name "Perilune"))
  (dap-register-debug-template
   "Perilune: attach" '(:type "perilune" :request "attach" :name "Perilune")))

;;; The minor mode

(defvar perilune-minor-mode-map
  (let ((map (make-sparse-keymap)))
    (define-key map (kbd "C-M-x") #'perilune-redefine-function)
    (define-key map (kbd "C-c C-k") #'perilune-redefine-changed)
    (define-key map (kbd "C-c C-z") #'perilune-repl)
    map)
  "Keys of `perilune-minor-mode'.")

;;;###autoload
(define-minor-mode perilune-minor-mode
  "Redefine functions of running Lua programs, and show the REPL."
  :lighter " Perilune")

;;;###autoload
(defun perilune-setup ()
  "Use `perilune-minor-mode' in Lua files, and a mode for them if there is none."
  (dolist (mode perilune--modes)
    (add-hook (intern (format "%s-hook" mode)) #'perilune-minor-mode))
  (unless (assoc "file.lua" auto-mode-alist #'string-match-p)
    (add-to-list 'auto-mode-alist '("\\.lua\\'" . perilune-lua-mode))
    (add-to-list 'interpreter-mode-alist '("lua\\|perilune" . perilune-lua-mode))))

(provide 'perilune)

;;; perilune.el ends here
