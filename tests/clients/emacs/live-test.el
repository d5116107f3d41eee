;;; live-test.el --- Programs that run, from Emacs  -*- lexical-binding: t -*-

;;; Commentary:

;; Redefinition, refusals and the REPL.

;;; Code:

(require 'support)
(require 'lua-mode)

(defconst perilune-test--app "\
local function greet(who)
  return 'hello ' .. who
end

local function count(n)
  return n + 1
end

local n = 0
while true do
  n = count(n)
  print(greet('you'))
  io.stdout:flush()
end
")

(defun perilune-test--listed-p (process)
  "Whether PROCESS is a session."
  (seq-find (lambda (session) (eql (plist-get session :pid) (process-id process)))
            (perilune-sessions)))

(defmacro perilune-test-with-app (process &rest body)
  "Evaluate BODY in the buffer of a program that runs as PROCESS, connected."
  (declare (indent 1))
  `(perilune-test-with (list (cons "app.lua" perilune-test--app))
     (let ((,process (perilune-test-start "run" "--live" "app.lua")))
       (unwind-protect
           (progn
             (perilune-test-wait "a session" (lambda () (perilune-test--listed-p ,process)))
             (perilune-test-connect)
             (perilune-test-wait "output" (lambda () (perilune-test-wrote-p ,process "hello you")))
             ,@body)
         (perilune-test-end ,process)))))

(defun perilune-test-wrote-p (process text)
  "Whether PROCESS wrote TEXT; what it wrote before is dropped."
  (with-current-buffer (process-buffer process)
    (goto-char (point-min))
    (prog1 (search-forward text nil t)
      (delete-region (point-min) (max (point-min) (- (point-max) 100))))))

(defun perilune-test--change (from to)
  "Replace FROM by TO in the buffer and leave point there."
  (goto-char (point-min))
  (search-forward from)
  (replace-match to t t))

(defun perilune-test--press (keys expected)
  "Wait until the echo area shows the regular expression EXPECTED after KEYS."
  (let* ((shown nil)
         (note (lambda (format &rest arguments)
                 (when format (push (apply #'format-message format arguments) shown)))))
    (advice-add 'message :before note)
    (unwind-protect
        (progn
          (call-interactively (key-binding (kbd keys)))
          (perilune-test-wait
           expected
           (lambda () (seq-find (lambda (text) (string-match-p expected text)) shown))))
      (advice-remove 'message note))))

(ert-deftest perilune-redefines-the-function-at-point ()
  (perilune-test-with-app process
    (perilune-minor-mode 1)
    (perilune-test--change "hello " "goodbye ")
    (perilune-test--press "C-M-x" "Redefined greet")
    (perilune-test-wait "new output" (lambda () (perilune-test-wrote-p process "goodbye you")))))

(ert-deftest perilune-redefines-what-changed ()
  (perilune-test-with-app process
    (perilune-minor-mode 1)
    (perilune-test--change "hello " "goodbye ")
    (perilune-test--change "n + 1" "n + 2")
    (perilune-test--press "C-c C-k" "Redefined greet, count")
    (perilune-test-wait "new output" (lambda () (perilune-test-wrote-p process "goodbye you")))))

(ert-deftest perilune-shows-refusals ()
  (perilune-test-with-app process
    (perilune-minor-mode 1)
    (flymake-start)
    (perilune-test--change "'hello ' .. who" "'broken' ..")
    (perilune-test--press "C-M-x" "Not redefined: .+ (line [23])")
    (perilune-test-wait
     "a diagnostic"
     (lambda ()
       (seq-find (lambda (each) (string-match-p "perilune live" (flymake-diagnostic-text each)))
                 (flymake-diagnostics))))
    (perilune-test-wrote-p process "")
    (perilune-test-wait "old output" (lambda () (perilune-test-wrote-p process "hello you")))))

(ert-deftest perilune-says-that-nothing-runs ()
  (perilune-test-with `(("app.lua" . ,perilune-test--app))
    (perilune-test-connect)
    (perilune-minor-mode 1)
    (perilune-test--press "C-M-x" "Not redefined: no program")))

(ert-deftest perilune-wants-a-language-server ()
  (perilune-test-with `(("app.lua" . ,perilune-test--app))
    (perilune-minor-mode 1)
    (should-error (perilune-redefine-function) :type 'user-error)))

(defun perilune-test--ask (buffer text expected)
  "Send TEXT to the REPL in BUFFER and wait for EXPECTED."
  (with-current-buffer buffer
    (goto-char (point-max))
    (insert text)
    (comint-send-input))
  (perilune-test-wait expected
                      (lambda ()
                        (with-current-buffer buffer
                          (save-excursion
                            (goto-char (point-min))
                            (re-search-forward expected nil t))))))

(defun perilune-test--close (buffer)
  "End the process of BUFFER and the buffer."
  (let ((process (get-buffer-process buffer)))
    (when process
      (set-process-query-on-exit-flag process nil)
      (kill-process process)))
  (kill-buffer buffer))

(ert-deftest perilune-opens-the-repl ()
  (perilune-test-with '(("app.lua" . "\n"))
    (perilune-repl nil)
    (let ((buffer (get-buffer "*perilune*")))
      (unwind-protect
          (progn
            (should (eq (buffer-local-value 'major-mode buffer) 'perilune-repl-mode))
            (perilune-test-wait
             "a prompt"
             (lambda () (string-match-p "^> \\'" (with-current-buffer buffer (buffer-string)))))
            (perilune-test--ask buffer "6 * 7" "42")
            (perilune-test--ask buffer "nothing.there" "attempt to index a nil value")
            (perilune-test--ask buffer "'still ' .. 'here'" "still here"))
        (perilune-test--close buffer)))))

(ert-deftest perilune-opens-the-repl-in-a-program ()
  (perilune-test-with-app process
    (perilune-repl t)
    (let ((buffer (get-buffer (format "*perilune %d*" (process-id process)))))
      (unwind-protect
          (progn
            (perilune-test--ask buffer "added = 20" "")
            (perilune-test--ask buffer "added + 1" "21"))
        (perilune-test--close buffer)))))

(provide 'live-test)

;;; live-test.el ends here
