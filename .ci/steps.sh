# Runs, times and counts the steps of .ci/run, which sources this file:
#
#   step NAME COMMAND...   runs a function or command; the first failure ends the run.
#                          Left out, and not counted, unless NAME contains $only
#   skip REASON            called inside a step: this machine cannot offer it
#
# When the run ends, for whatever cause, the skipped steps are listed again and
# the last line is `N passed, M failed, K skipped`.
# shellcheck shell=bash

only=${only:-}
passed=0
failed=0
skipped=()
reason_file=$(mktemp)
trap summary EXIT

summary() {
  local status=$?
  rm -f "$reason_file"
  echo
  [ ${#skipped[@]} -eq 0 ] || printf 'SKIPPED: %s\n' "${skipped[@]}"
  # The script itself broke between two steps.
  [ "$status" -eq 0 ] || [ "$failed" -gt 0 ] || failed=1
  echo "all steps took $SECONDS s"
  echo "$passed passed, $failed failed, ${#skipped[@]} skipped"
}

skip() {
  echo "$*" > "$reason_file"
  exit 3
}

step() {
  local name=$1 start=$SECONDS status reason
  shift
  [[ $name == *"$only"* ]] || return 0
  echo
  echo "=== $name"
  : > "$reason_file"
  # A subshell that is no part of a condition keeps its own `set -e`.
  set +e
  (set -e; "$@") 2>&1 </dev/null
  status=$?
  set -e
  reason=$(cat "$reason_file")
  if [ "$status" -eq 0 ]; then
    passed=$((passed + 1))
    echo "=== $name: passed in $((SECONDS - start)) s"
  elif [ -n "$reason" ]; then
    skipped+=("$name: $reason")
    echo "SKIPPED: $name: $reason"
  else
    failed=$((failed + 1))
    echo "=== $name: FAILED with exit status $status after $((SECONDS - start)) s"
    exit 1
  fi
}
