# The commands of this project; scripts/ does the work.
#
#   make demo [LOCK=path/to/Cargo.lock] [CRATE=name] [SEARCH=text]

.PHONY: demo test bench setup clean

demo:
	@LOCK="$(LOCK)" CRATE="$(CRATE)" SEARCH="$(SEARCH)" bash scripts/demo.sh

test:
	@bash scripts/test.sh

bench:
	@bash scripts/bench.sh

setup:
	@bash scripts/setup.sh

# What the builds made; downloaded packages stay.
clean:
	rm -rf _build priv/native target demo/*.db demo/*.db-*
