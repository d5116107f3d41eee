;;; perilune-lua-mode.el --- A plain major mode for Lua  -*- lexical-binding: t -*-

;; Copyright (C) the authors of Perilune
;; SPDX-License-Identifier: MIT OR Apache-2.0

;;; Commentary:

;; A major mode for Lua 5.4 where no other is installed: syntax (long
;; brackets of every level included), highlighting and indentation.
;; What needs knowledge of the program comes from the language server;
;; see perilune.el.

;;; Code:

(defgroup perilune-lua nil
  "A plain major mode for Lua."
  :group 'languages
  :prefix "perilune-lua-")

(defcustom perilune-lua-indent-offset 2
  "Columns by which the content of a block is indented."
  :type 'natnum
  :safe #'natnump)

;;; Syntax

(defvar perilune-lua-mode-syntax-table
  (let ((table (make-syntax-table)))
    (modify-syntax-entry ?- ". 12" table)
    (modify-syntax-entry ?\n ">" table)
    (modify-syntax-entry ?\" "\"" table)
    (modify-syntax-entry ?\' "\"" table)
    (modify-syntax-entry ?\\ "\\" table)
    (modify-syntax-entry ?_ "_" table)
    (dolist (operator '(?+ ?* ?/ ?% ?^ ?# ?& ?~ ?| ?< ?> ?=))
      (modify-syntax-entry operator "." table))
    table)
  "Syntax of `perilune-lua-mode'.")

(defun perilune-lua--mark (position class)
  "Give the character at POSITION the syntax CLASS, a descriptor."
  (put-text-property position (1+ position) 'syntax-table (string-to-syntax class)))

(defun perilune-lua--close-long-bracket (open end)
  "Mark where the long bracket that begins at OPEN ends, before END.
Leave point behind it, or at END when it goes on."
  (let* ((is-comment (eq (char-after open) ?-))
         (level (save-excursion
                  (goto-char open)
                  (looking-at "\\(?:--\\)?\\[\\(=*\\)\\[")
                  (match-string 1))))
    (if (search-forward (concat "]" level "]") end 'move)
        (perilune-lua--mark (1- (point)) (if is-comment "!" "|")))))

(defun perilune-lua--syntax-propertize (start end)
  "Mark the long brackets between START and END as strings and comments."
  (goto-char start)
  (let ((state (syntax-ppss)))
    (when (or (eq (nth 3 state) t) (eq (nth 7 state) 'syntax-table))
      (perilune-lua--close-long-bracket (nth 8 state) end)))
  (while (re-search-forward "\\(?:--\\)?\\[=*\\[" end 'move)
    (let ((open (match-beginning 0)))
      (unless (or (nth 8 (save-excursion (syntax-ppss open)))
                  ;; Two dashes and more begin a comment of one line.
                  (eq (char-before open) ?-))
        (perilune-lua--mark open (if (eq (char-after open) ?-) "!" "|"))
        (perilune-lua--close-long-bracket open end)))))

;;; Highlighting

(defconst perilune-lua--name "[[:alpha:]_][[:alnum:]_]*")

(defconst perilune-lua--keywords
  '("and" "break" "do" "else" "elseif" "end" "for" "function" "goto" "if" "in"
    "local" "not" "or" "repeat" "return" "then" "until" "while"))

(defconst perilune-lua--functions
  '("assert" "collectgarbage" "dofile" "error" "getmetatable" "ipairs" "load"
    "loadfile" "next" "pairs" "pcall" "print" "rawequal" "rawget" "rawlen" "rawset"
    "require" "select" "setmetatable" "tonumber" "tostring" "type" "warn" "xpcall"))

(defconst perilune-lua--modules
  '("coroutine" "debug" "io" "math" "os" "package" "string" "table" "utf8"))

(defvar perilune-lua-font-lock-keywords
  `((,(concat "\\_<function\\_>[ \t]+\\(" perilune-lua--name
              "\\(?:[.:]" perilune-lua--name "\\)*\\)")
     1 font-lock-function-name-face)
    (,(concat "\\_<\\(" perilune-lua--name "\\)\\_>[ \t]*=[ \t]*function\\_>")
     1 font-lock-function-name-face)
    (,(concat "\\_<goto[ \t]+\\(" perilune-lua--name "\\)") 1 font-lock-constant-face)
    (,(concat "::[ \t]*\\(" perilune-lua--name "\\)[ \t]*::") 1 font-lock-constant-face)
    ("<[ \t]*\\(const\\|close\\)[ \t]*>" 1 font-lock-type-face)
    (,(regexp-opt perilune-lua--keywords 'symbols) . font-lock-keyword-face)
    (,(regexp-opt '("nil" "true" "false") 'symbols) . font-lock-constant-face)
    (,(regexp-opt '("self" "_ENV" "_G") 'symbols) . font-lock-variable-name-face)
    (,(concat "\\(?:[^.:]\\|^\\|\\.\\.\\)" (regexp-opt perilune-lua--functions 'symbols)
              "[ \t]*[({\"'[]")
     1 font-lock-builtin-face)
    (,(concat (regexp-opt perilune-lua--modules 'symbols) "[ \t]*\\.") 1 font-lock-builtin-face))
  "What `perilune-lua-mode' highlights.")

;;; Indentation

(defconst perilune-lua--bracket-regexp
  (concat (regexp-opt '("function" "do" "then" "repeat" "else" "elseif" "end" "until") 'symbols)
          "\\|[][(){}]")
  "What opens or closes a block.")

(defun perilune-lua--closes-p (word)
  "Whether WORD ends a block."
  (member word '("end" "until" "else" "elseif" ")" "]" "}")))

(defun perilune-lua--opens-p (word)
  "Whether WORD begins a block."
  (member word '("function" "do" "then" "repeat" "else" "(" "[" "{")))

(defun perilune-lua--goto-open-block ()
  "Go back to the innermost block around point that is not closed before it.
Return nil when there is none."
  (let ((depth 0) found)
    (while (and (not found) (re-search-backward perilune-lua--bracket-regexp nil t))
      (unless (or (nth 8 (save-match-data (syntax-ppss)))
                  ;; The begin of a long bracket, which is not yet inside of it.
                  (get-text-property (point) 'syntax-table))
        (let ((word (match-string-no-properties 0)))
          (when (perilune-lua--opens-p word)
            (if (zerop depth) (setq found t) (setq depth (1- depth))))
          (when (perilune-lua--closes-p word)
            (setq depth (1+ depth))))))
    found))

(defun perilune-lua--indentation ()
  "The column to which the current line belongs; nil inside of long brackets."
  (save-excursion
    (back-to-indentation)
    (unless (nth 8 (syntax-ppss (line-beginning-position)))
      (let ((closes (and (looking-at perilune-lua--bracket-regexp)
                         (perilune-lua--closes-p (match-string-no-properties 0)))))
        (if (perilune-lua--goto-open-block)
            (+ (current-indentation) (if closes 0 perilune-lua-indent-offset))
          0)))))

(defun perilune-lua-indent-line ()
  "Indent the current line by the block that it is in."
  (interactive)
  (let ((column (perilune-lua--indentation)))
    (cond ((null column) 'noindent)
          ((<= (current-column) (current-indentation)) (indent-line-to column))
          (t (save-excursion (indent-line-to column))))))

;;; The mode

(defvar perilune-lua-imenu-generic-expression
  `((nil ,(concat "^[ \t]*\\(?:local[ \t]+\\)?function[ \t]+\\(" perilune-lua--name
                  "\\(?:[.:]" perilune-lua--name "\\)*\\)")
         1))
  "Definitions that `imenu' lists when no language server runs.")

;;;###autoload
(define-derived-mode perilune-lua-mode prog-mode "Lua"
  "Major mode for Lua 5.4."
  (setq-local comment-start "-- ")
  (setq-local comment-end "")
  (setq-local comment-start-skip "--+[ \t]*")
  (setq-local parse-sexp-lookup-properties t)
  (setq-local syntax-propertize-function #'perilune-lua--syntax-propertize)
  (setq-local font-lock-defaults '(perilune-lua-font-lock-keywords))
  (setq-local indent-line-function #'perilune-lua-indent-line)
  (setq-local electric-indent-chars (append "])}" electric-indent-chars))
  (setq-local imenu-generic-expression perilune-lua-imenu-generic-expression))

;; Language servers know the language by this name.
(put 'perilune-lua-mode 'eglot-language-id "lua")

(provide 'perilune-lua-mode)

;;; perilune-lua-mode.el ends here
