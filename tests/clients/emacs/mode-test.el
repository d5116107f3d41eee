;;; mode-test.el --- The package's own major mode  -*- lexical-binding: t -*-

;;; Commentary:

;; Syntax, indentation and highlighting of `perilune-lua-mode'.

;;; Code:

(require 'support)

(defun perilune-test--syntax (text)
  "How each `x' in the Lua TEXT is read: c, s, or - for code."
  (with-temp-buffer
    (perilune-lua-mode)
    (insert text)
    (goto-char (point-min))
    (let (found)
      (while (search-forward "x" nil t)
        (let ((state (save-excursion (syntax-ppss (match-beginning 0)))))
          (push (cond ((nth 4 state) "c") ((nth 3 state) "s") (t "-")) found)))
      (apply #'concat (nreverse found)))))

(ert-deftest perilune-mode-reads-comments-and-strings ()
  (pcase-dolist (`(,text ,expected)
                 '(("x -- x\nx" "-c-")
                   ("x --[[ x ]] x" "-c-")
                   ("--[[ x\n x ]] x" "cc-")
                   ("--[==[ x ]] x ]=] x ]==] x" "ccc-")
                   ("---[[ x\nx" "c-")
                   ("--[ x\nx" "c-")
                   ("s = [[ x ' x ]] x" "ss-")
                   ("s = [=[ x ]] \n x ]=] x" "ss-")
                   ("s = \"x [[ x\" x ]] x" "ss--")
                   ("s = 'x \\' x' x" "ss-")
                   ("t[u[x]] = x" "--")
                   ("s = [[ -- x ]] x" "s-")
                   ("-- [[ x\nx ]] x" "c--")))
    (should (equal (list text (perilune-test--syntax text)) (list text expected)))))

(ert-deftest perilune-mode-follows-edits-in-long-brackets ()
  (with-temp-buffer
    (perilune-lua-mode)
    (insert "s = [[\nx\n]] x\n")
    (should (nth 3 (save-excursion (syntax-ppss (progn (goto-char 8) (point))))))
    (goto-char (point-min))
    (search-forward "[[")
    (delete-region (match-beginning 0) (match-end 0))
    (should-not (nth 3 (save-excursion (syntax-ppss 6))))
    (goto-char 5)
    (insert "[=[")
    (should (nth 3 (save-excursion (syntax-ppss (point-max)))))))

(defconst perilune-test--indented "\
local M = {}

function M.f(a, b)
  if a then
    return b
  elseif b then
    for i = 1, 10 do
      print(i)
    end
  else
    repeat
      a = b
    until a
  end
end

M.t = {
  1, 2,
  { x = 1 },
  g = function()
    return 1
  end,
}

foo(function(x)
  bar(x)
end)

local s = [[
   as it is
 end
]]
while true do -- function (
  -- end
  break
end
return M
" "A program as it should be indented.")

(ert-deftest perilune-mode-indents ()
  (with-temp-buffer
    (perilune-lua-mode)
    (setq indent-tabs-mode nil)
    (insert perilune-test--indented)
    (goto-char (point-min))
    (while (not (eobp))
      (unless (nth 8 (save-excursion (syntax-ppss (line-beginning-position))))
        (delete-horizontal-space))
      (forward-line 1))
    (indent-region (point-min) (point-max))
    (should (equal (buffer-string) perilune-test--indented))))

(defun perilune-test--face (text word)
  "The face of WORD in TEXT."
  (with-temp-buffer
    (perilune-lua-mode)
    (insert text)
    (font-lock-ensure)
    (goto-char (point-min))
    (search-forward word)
    (get-text-property (match-beginning 0) 'face)))

(ert-deftest perilune-mode-highlights ()
  (pcase-dolist (`(,text ,word ,face)
                 '(("local x = 1" "local" font-lock-keyword-face)
                   ("function M.go() end" "M.go" font-lock-function-name-face)
                   ("go = function() end" "go" font-lock-function-name-face)
                   ("print(1)" "print" font-lock-builtin-face)
                   ("o.print(1)" "print" nil)
                   ("string.rep" "string" font-lock-builtin-face)
                   ("local x <close> = y" "close" font-lock-type-face)
                   ("goto done" "done" font-lock-constant-face)
                   ("::done::" "done" font-lock-constant-face)
                   ("x = nil" "nil" font-lock-constant-face)
                   ("-- local" "local" font-lock-comment-face)
                   ("s = [==[ local ]==]" "local" font-lock-string-face)))
    (should (equal (list text (perilune-test--face text word)) (list text face)))))

(provide 'mode-test)

;;; mode-test.el ends here
