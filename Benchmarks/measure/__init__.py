# SPDX-License-Identifier: Apache-2.0
"""What sensord costs: see Benchmarks/README.md."""
