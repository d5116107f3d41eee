;;; support.el --- What the tests of the package share  -*- lexical-binding: t -*-

;;; Commentary:

;; A project in a temporary folder, waiting, and programs that end with the test.
;; Sessions of others are out of sight: the folders of the sockets are the test's
;; own.

;;; Code:

(require 'cl-lib)
(require 'ert)
(require 'eglot)
(require 'flymake)
(require 'perilune)

(setq perilune-program (or (getenv "PERILUNE") (error "PERILUNE names no program"))
      eglot-sync-connect 20
      eglot-autoshutdown t
      eglot-send-changes-idle-time 0
      eglot-confirm-server-initiated-edits nil
      flymake-no-changes-timeout 0.1
      make-backup-files nil
      create-lockfiles nil)

(defun perilune-test-wait (what predicate)
  "Let Emacs work until PREDICATE holds and return its value; WHAT is awaited."
  (let ((end (+ (float-time) 30)) value)
    (while (and (not (setq value (funcall predicate))) (< (float-time) end))
      (accept-process-output nil 0.02))
    (or value (ert-fail (format "waited in vain for %s" what)))))

(defvar perilune-test-folder nil "The folder of the test's project.")

(defun perilune-test--write (name text)
  "Write TEXT to the file NAME of the project."
  (write-region text nil (expand-file-name name perilune-test-folder) nil 'silent))

(defun perilune-test-call (body files)
  "Call BODY in a project with FILES, pairs of names and texts."
  (let* ((perilune-test-folder (file-name-as-directory (make-temp-file "perilune" t)))
         (process-environment
          (append (list (concat "XDG_RUNTIME_DIR=" perilune-test-folder)
                        (concat "TMPDIR=" perilune-test-folder))
                  process-environment)))
    (unwind-protect
        (progn
          (call-process "git" nil nil nil "-C" perilune-test-folder "init" "-q")
          (pcase-dolist (`(,name . ,text) files) (perilune-test--write name text))
          (funcall body))
      (perilune-test--clean-up)
      (delete-directory perilune-test-folder t))))

(defun perilune-test--clean-up ()
  "Close the buffers of the project and end what runs for it."
  (dolist (buffer (buffer-list))
    (when (and (buffer-file-name buffer)
               (string-prefix-p perilune-test-folder (buffer-file-name buffer)))
      (with-current-buffer buffer
        (when (eglot-current-server)
          (ignore-errors (eglot-shutdown (eglot-current-server))))
        (set-buffer-modified-p nil)
        (kill-buffer buffer)))))

(defmacro perilune-test-with (files &rest body)
  "Evaluate BODY in a project with FILES, in the buffer of the first one."
  (declare (indent 1))
  `(let ((files ,files))
     (perilune-test-call
      (lambda ()
        (with-current-buffer
            (find-file-noselect (expand-file-name (caar files) perilune-test-folder))
          ,@body))
      files)))

(defun perilune-test-connect ()
  "Connect the buffer to the language server, as the person does."
  (call-interactively #'eglot)
  (perilune-test-wait "the language server" #'eglot-current-server))

(defun perilune-test-start (&rest arguments)
  "Start the program of the tests with ARGUMENTS; it ends with its buffer."
  (let ((buffer (generate-new-buffer " *program*"))
        (default-directory perilune-test-folder))
    (make-process :name "program" :buffer buffer :noquery t :connection-type 'pipe
                  :command (cons perilune-program arguments))))

(defun perilune-test-output (process)
  "What PROCESS wrote so far."
  (with-current-buffer (process-buffer process) (buffer-string)))

(defun perilune-test-end (process)
  "End PROCESS."
  (when (process-live-p process) (kill-process process))
  (kill-buffer (process-buffer process)))

(provide 'support)

;;; support.el ends here
