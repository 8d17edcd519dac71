"""Submits so many small jobs, and ends without waiting for them."""

import sys

import cnai_sdk as cnai


def number(value: int) -> int:
    return value


if __name__ == "__main__":
    for value in range(int(sys.argv[1])):
        cnai.train(number, args={"value": value})
