#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# ci/: what a night makes of parts that fail, hang or are not there; shards by
# GNU parallel; the workflow files. The parts themselves are tested elsewhere: a
# script stands for netwb here.
. "$(dirname "$0")/lib.sh"
ci=$(cd "$(dirname "$0")/../../ci" && pwd)
skipped=0

skip() {
	echo "skipped: $*"
	skipped=$((skipped + 1))
}

# fake GATE CHECK SCRIPTS: exit codes; a build directory of scripts in $tmp/b
fake() {
	rm -rf "$tmp/b"
	mkdir -p "$tmp/b/bench" "$tmp/b/tests/scripts"
	cat >"$tmp/b/bench/netwb" <<END
#!/bin/sh
echo "\$*" >>"$tmp/b/calls"
case \$1 in
gate) code=$1 ;;
*) code=$2 ;;
esac
[ "\$code" != hang ] || exec sleep 1000
echo "Verdict: <code \$code> & so on"
exit \$code
END
	for p in smb2 9p; do
		printf '#!/bin/sh\necho "$NWB_SEED $NWB_SCRIPTS"\nexit %s\n' \
			"$3" >"$tmp/b/tests/scripts/scripts_${p}_test"
		chmod +x "$tmp/b/tests/scripts/scripts_${p}_test"
	done
	chmod +x "$tmp/b/bench/netwb"
}

# night EXPECTED-EXIT ARGUMENTS...
night() {
	want=$1 got=0
	shift
	(cd "$tmp" && "$ci/nightly" --build b --seed 5 "$@") \
		>"$tmp/out" 2>&1 </dev/null || got=$?
	if [ "$got" = "$want" ]; then
		ok
	else
		bad "exit $got instead of $want: ci/nightly $*"
	fi
}

# xml: the JUnit file is one
xml() {
	if ! command -v xmllint >/dev/null; then
		skip "xmllint is not installed (package libxml2-utils)"
	elif xmllint --noout "$tmp/nightly/junit.xml" 2>"$tmp/out"; then
		ok
	else
		bad "junit.xml is not XML"
	fi
}

fake 0 0 0
night 0 --skip seeds
says '^night of .*, seed 5: passed'
says '^gate +passed'
says '^seeds +skipped'
says '^again: ci/nightly --seed 5'
grep -q 'gate --out results --budget 1500s' "$tmp/b/calls" && ok ||
	bad "the gate was not asked for its budget"
grep -q 'check --seed 5 --out results' "$tmp/b/calls" && ok || bad "no check"
grep -q '5000 200' "$tmp/nightly/scripts.log" && ok || bad "no scripts"
xml
# one part fails, the others are run; a failure counts more than a doubt
fake 1 0 0
night 1 --skip seeds
says '^gate +FAILED'
says '^check +passed'
says 'Verdict: <code 1> & so on'
grep -q '<failure message="FAILED">Verdict: &lt;code 1&gt; &amp; so on' \
	"$tmp/nightly/junit.xml" && ok || bad "no failure in junit.xml"
xml
fake 2 0 1
night 1 --skip seeds
says '^gate +could not tell'
says '^scripts +FAILED'
fake 2 0 0
night 2 --skip seeds
fake 139 0 0
night 2 --skip seeds
fake 77 77 0
night 77 --skip seeds --skip scripts
# a part that is not there, and one that does not end
fake 0 0 0
rm "$tmp/b/tests/scripts/scripts_9p_test"
night 0 --skip seeds
says '^scripts +skipped'
fake hang 0 0
night 2 --time 3s --skip seeds --skip check --skip scripts
says '^gate +did not end'
xml
# rounds of seeds, until the time is up: at least one
fake 0 0 0
got=0
(cd "$tmp" && "$ci/part-seeds" b/bench/netwb results 5 1) >"$tmp/out" 2>&1 ||
	got=$?
[ $got = 0 ] && ok || bad "part-seeds: exit $got"
grep -q 'check --seed 5001 --out results' "$tmp/b/calls" && ok || bad "seeds"
says 'rounds$'
# interrupted: what was found so far is told
fake 0 hang 0
(cd "$tmp" && exec "$ci/nightly" --build b) >"$tmp/out" 2>&1 </dev/null &
pid=$!
until grep -q '^check: at most' "$tmp/out"; do sleep 0.1; done
until grep -q '^check' "$tmp/b/calls"; do sleep 0.1; done
kill -TERM $pid
got=0
wait $pid || got=$?
[ $got = 143 ] && ok || bad "exit $got instead of 143 after TERM"
says '^gate +passed'
says '^check +could not tell'
xml
night 3 --time nonsense
night 3 --frobnicate
night 3 --out
night 2 --build none
night 0 --help

# shards by GNU parallel; the real thing, one server, four plans
if command -v parallel >/dev/null; then
	got=0
	(cd "$tmp" && "$ci/parallel.sh" --build "${netwb%/bench/netwb}" 3 shards \
		check --server smbd --filter 'smbd.in-place.seq1m.[rf]*') \
		>"$tmp/out" 2>&1 </dev/null || got=$?
	[ $got -le 2 ] && [ -s "$tmp/shards/merged/run.jsonl" ] && ok ||
		bad "parallel.sh: exit $got"
	says 'Verdict: .*3 runs'
	got=0
	(cd "$tmp" && "$ci/parallel.sh" --build "${netwb%/bench/netwb}" 3 shards \
		check) >"$tmp/out" 2>&1 </dev/null || got=$?
	[ $got = 2 ] && ok || bad "parallel.sh again: exit $got"
	says 'never overwritten'
else
	skip "GNU parallel is not installed (package parallel)"
fi
for s in parallel slurm-array; do
	got=0
	"$ci/$s.sh" >"$tmp/out" 2>&1 || got=$?
	[ $got = 3 ] && ok || bad "$s.sh without arguments: exit $got"
	says '^usage: '
done

# the workflow files are YAML, name what is there, and have what each wants
if python3 -c 'import yaml' 2>/dev/null; then
	if python3 - "$ci" >"$tmp/out" 2>&1 <<'END'; then
import os, re, sys, yaml
ci = sys.argv[1]
root = os.path.dirname(ci)
def load(name):
    with open(os.path.join(ci, name)) as f:
        return yaml.safe_load(f)
def commands(text):
    for c in re.findall(r'(?:^|\s)(\.ci/\S+|ci/\S+)', text):
        assert os.access(os.path.join(root, c), os.X_OK), c
lab = load('gitlab-ci.yml')
assert lab['stages'] == ['test', 'night', 'merge']
jobs = {k: v for k, v in lab.items() if k not in ('stages', 'default')}
assert set(jobs) == {'test', 'nightly', 'check', 'merge'}, jobs
for name, j in jobs.items():
    assert j['stage'] in lab['stages'], name
    for line in j['script']:
        assert isinstance(line, str), (name, line)
        commands(line)
    for n in j.get('needs', []):
        assert n in jobs, n
hub = load('github-actions.yml')
on = hub.get('on', hub.get(True))  # YAML 1.1 takes "on" for a boolean
assert on['schedule'][0]['cron'].count(' ') == 4
for name, j in hub['jobs'].items():
    assert 'runs-on' in j, name
    for s in j['steps']:
        assert ('run' in s) != ('uses' in s), (name, s)
        assert isinstance(s.get('run', ''), str), (name, s)
        commands(s.get('run', ''))
    need = j.get('needs')
    assert need is None or need in hub['jobs'], name
assert any('ci/nightly' in str(s.get('run')) for s in hub['jobs']['nightly']['steps'])
END
		ok
	else
		bad "a workflow file is wrong"
	fi
else
	skip "python3-yaml is not installed"
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
