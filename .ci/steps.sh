# Runs, times and counts the steps of .ci/run, which sources this file:
#
#   step NAME [--after EARLIER]... COMMAND...
#                          a function or command; EARLIER are the names of steps
#                          that leave something which this one needs
#   run_steps              runs those whose NAME contains $only, and what they
#                          are to run after, in their order; the first failure
#                          ends the run. Steps left out are not counted
#   skip REASON            called inside a step: this machine cannot offer it
#
# A step that comes after a skipped one still runs: what it needs may be there
# from elsewhere, and it skips itself if not. When the run ends, for whatever
# cause, the skipped steps are listed again and the last line is
# `N passed, M failed, K skipped`.
# shellcheck shell=bash

only=${only:-}
passed=0
failed=0
skipped=()
names=()
declare -A commands=() afters=()
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
  local name=$1 after=
  shift
  while [ "$1" = --after ]; do
    [ -n "${commands[$2]:-}" ] || { echo "steps: \"$name\" is after \"$2\", which is no step before it" >&2; return 1; }
    after+=$2$'\n'
    shift 2
  done
  names+=("$name")
  commands[$name]=${*@Q}
  afters[$name]=$after
}

run_steps() {
  local i name earlier
  local -A chosen=()
  # Backwards, so that what a needed step needs is chosen too.
  for ((i = ${#names[@]} - 1; i >= 0; i--)); do
    name=${names[i]}
    [[ $name == *"$only"* || -n ${chosen[$name]:-} ]] || continue
    chosen[$name]=yes
    while read -r earlier; do
      [ -z "$earlier" ] || chosen[$earlier]=yes
    done <<<"${afters[$name]}"
  done
  for name in "${names[@]}"; do
    [ -z "${chosen[$name]:-}" ] || run_step "$name"
  done
}

run_step() {
  local name=$1 start=$SECONDS status reason
  echo
  echo "=== $name"
  : > "$reason_file"
  # A subshell that is no part of a condition keeps its own `set -e`.
  set +e
  (set -e; eval "${commands[$name]}") 2>&1 </dev/null
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
