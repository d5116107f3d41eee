;;; eglot-test.el --- Eglot and the language server  -*- lexical-binding: t -*-

;;; Commentary:

;; Diagnostics, definition and rename, in `lua-mode' and in the package's own mode.

;;; Code:

(require 'support)
(require 'lua-mode)
(require 'xref)

(defconst perilune-test--broken "local function f()\n  return 1 +\nend\n")
(defconst perilune-test--sound "\
local width = 1
local function area(height)
  return width * height
end
print(area(2))
")

(defun perilune-test--goto (text)
  "Go to the begin of the first TEXT of the buffer."
  (goto-char (point-min))
  (search-forward text)
  (goto-char (match-beginning 0)))

(ert-deftest perilune-eglot-shows-diagnostics ()
  (dolist (mode '(lua-mode perilune-lua-mode))
    (perilune-test-with `(("main.lua" . ,perilune-test--broken))
      (funcall mode)
      (perilune-test-connect)
      (flymake-mode 1)
      (flymake-start)
      (let ((first (car (perilune-test-wait "diagnostics" #'flymake-diagnostics))))
        (should (string-match-p "unexpected\\|expected" (flymake-diagnostic-text first)))
        (should (eq (flymake-diagnostic-type first) 'eglot-error)))
      (erase-buffer)
      (insert perilune-test--sound)
      (save-buffer)
      (perilune-test-wait "their end" (lambda () (not (flymake-diagnostics)))))))

(ert-deftest perilune-eglot-finds-definitions ()
  (perilune-test-with `(("main.lua" . ,perilune-test--sound))
    (perilune-test-connect)
    (perilune-test--goto "area(2)")
    (let* ((backend (xref-find-backend))
           (name (xref-backend-identifier-at-point backend))
           (definition (car (xref-backend-definitions backend name))))
      (should (eq backend 'eglot))
      (should (equal 2 (xref-location-line (xref-item-location definition))))
      (should (= 2 (length (xref-backend-references backend name)))))))

(ert-deftest perilune-eglot-renames ()
  (perilune-test-with `(("main.lua" . ,perilune-test--sound))
    (perilune-test-connect)
    (perilune-test--goto "width")
    (eglot-rename "breadth")
    (should (equal (buffer-string)
                   (string-replace "width" "breadth" perilune-test--sound)))))

(ert-deftest perilune-eglot-counts-columns-as-the-server-does ()
  (perilune-test-with '(("main.lua" . "local s, n = '🙂é', 1 print(n)\n"))
    (perilune-test-connect)
    (perilune-test--goto "n)")
    (eglot-rename "number")
    (should (equal (buffer-string) "local s, number = '🙂é', 1 print(number)\n"))))

(provide 'eglot-test)

;;; eglot-test.el ends here
