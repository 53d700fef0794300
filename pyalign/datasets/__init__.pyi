from .dataset import DataSet as DataSet
from .dataset import load_dataset as load_dataset
from .registry import DATASETS as DATASETS
from .registry import Remote as Remote
from .registry import Row as Row
from .things_order import find_things_order as find_things_order
from .things_order import things_order as things_order
from .things_order import things_rows as things_rows
