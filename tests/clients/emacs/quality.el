;;; quality.el --- The package compiles and documents itself  -*- lexical-binding: t -*-

;;; Commentary:

;; Every warning of the byte compiler and every finding of checkdoc is a failure.

;;; Code:

(require 'bytecomp)
(require 'checkdoc)
(require 'ert)
(require 'package)
(package-initialize)

(defconst perilune-test-root
  (expand-file-name "../../../" (file-name-directory (or load-file-name buffer-file-name)))
  "The folder of the project.")

(defconst perilune-test-package (expand-file-name "editors/emacs/" perilune-test-root)
  "The folder of the package.")

(add-to-list 'load-path perilune-test-package)

(defun perilune-test-sources ()
  "The files of the package."
  (directory-files perilune-test-package t "\\.el\\'"))

(defun perilune-test--warnings (file folder)
  "Compile FILE into FOLDER; return what the compiler has to say."
  (let* ((warnings nil)
         (byte-compile-dest-file-function
          (lambda (source) (expand-file-name (concat (file-name-base source) ".elc") folder)))
         (byte-compile-log-warning-function
          (lambda (text &rest _) (push text warnings))))
    (unless (byte-compile-file file) (push "does not compile" warnings))
    warnings))

(ert-deftest perilune-compiles-without-warnings ()
  (let ((folder (make-temp-file "perilune-compiled" t)))
    (unwind-protect
        (dolist (file (perilune-test-sources))
          (should-not (perilune-test--warnings file folder)))
      (delete-directory folder t))))

(ert-deftest perilune-is-documented ()
  (dolist (file (perilune-test-sources))
    (let* ((findings nil)
           (checkdoc-create-error-function
            (lambda (text start &rest _)
              (push (cons (and start (line-number-at-pos start)) text) findings)
              nil)))
      (with-current-buffer (find-file-noselect file)
        (checkdoc-current-buffer t))
      (should-not findings))))

(provide 'quality)

;;; quality.el ends here
